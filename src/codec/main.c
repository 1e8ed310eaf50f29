/* pigtail-codec: decodes, encodes and scales for Pigtail, one job per process, spoken to over descriptor 0. It is the only
 * program that links FFmpeg, so that a decoder's bug costs one picture and not the recorder. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
	int type = 0;
	socklen_t size = sizeof type;
	if (getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM) {
		fprintf(
		    stderr,
		    "pigtail-codec is started by pigtail and speaks to it over a socket; there is nothing to run by hand\n");
		return 2;
	}
	av_log_set_level(AV_LOG_QUIET); /* what goes wrong is said over the socket */
	PtWireMessage m;
	pt_io_read(&m);
	if (m.type != PT_WIRE_JOB)
		pt_io_fail(PT_ERROR_INVALID, "codec process: a message of type %d where the job was expected", m.type);
	pt_sandbox_enter(m.job.kind == PT_CODEC_JOB_JPEG ? 30 : 0);
	switch (m.job.kind) {
	case PT_CODEC_JOB_JPEG:
		pt_job_jpeg(&m.job);
		break;
	case PT_CODEC_JOB_CLOCK:
		pt_job_clock(&m.job);
		break;
	case PT_CODEC_JOB_AUDIO:
		pt_job_audio(&m.job);
		break;
	case PT_CODEC_JOB_VIDEO:
		pt_job_video(&m.job);
		break;
	case PT_CODEC_JOB_GREY:
		pt_job_grey(&m.job);
		break;
	}
	pt_io_write_end();
	return 0;
}
