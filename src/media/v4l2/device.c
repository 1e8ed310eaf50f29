/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/device.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* In the order of preference: what needs no encoding, what needs no decoding, the rest. */
static const struct {
	uint32_t pixels;
	PtCodec codec;
	PtV4l2From from;
} known[] = {{V4L2_PIX_FMT_H264, PT_CODEC_H264, PT_V4L2_FROM_H264},
             {V4L2_PIX_FMT_NV12, PT_CODEC_NV12, PT_V4L2_FROM_RAW},
             {V4L2_PIX_FMT_YUYV, PT_CODEC_YUYV, PT_V4L2_FROM_RAW},
             {V4L2_PIX_FMT_MJPEG, PT_CODEC_MJPEG, PT_V4L2_FROM_MJPEG},
             {V4L2_PIX_FMT_JPEG, PT_CODEC_MJPEG, PT_V4L2_FROM_MJPEG}};

static int call(int fd, unsigned long request, void *argument) {
	int result;
	do
		result = ioctl(fd, request, argument);
	while (result < 0 && errno == EINTR);
	return result;
}

static bool offers(int fd, uint32_t pixels) {
	struct v4l2_fmtdesc f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	for (f.index = 0; f.index < 256 && !call(fd, VIDIOC_ENUM_FMT, &f); f.index++)
		if (f.pixelformat == pixels)
			return true;
	return false;
}

static bool is_wanted(const PtV4l2Location *want, size_t i) {
	if (want->mjpeg)
		return known[i].codec == PT_CODEC_MJPEG;
	return want->from == PT_V4L2_FROM_ANY || want->from == known[i].from;
}

static void add_size(PtV4l2Device *d, uint32_t width, uint32_t height) {
	if (d->n_sizes == PT_SOURCE_SIZES || width < 16 || height < 16 || width > 8192 || height > 8192)
		return;
	d->widths[d->n_sizes] = (uint16_t)width;
	d->heights[d->n_sizes++] = (uint16_t)height;
}

static void read_sizes(PtV4l2Device *d) {
	static const uint32_t usual[][2] = {{320, 180}, {640, 360}, {640, 480}, {1280, 720}, {1920, 1080}, {2560, 1440}};
	struct v4l2_frmsizeenum f = {.pixel_format = d->pixels};
	for (f.index = 0; f.index < 64 && !call(d->fd, VIDIOC_ENUM_FRAMESIZES, &f); f.index++) {
		if (f.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
			add_size(d, f.discrete.width, f.discrete.height);
			continue;
		}
		const struct v4l2_frmsize_stepwise *s = &f.stepwise;
		for (size_t i = 0; i < G_N_ELEMENTS(usual); i++)
			if (usual[i][0] >= s->min_width && usual[i][0] <= s->max_width && usual[i][1] >= s->min_height &&
			    usual[i][1] <= s->max_height && !((usual[i][0] - s->min_width) % MAX(s->step_width, 1)) &&
			    !((usual[i][1] - s->min_height) % MAX(s->step_height, 1)))
				add_size(d, usual[i][0], usual[i][1]);
		break;
	}
	for (unsigned i = 0; i < d->n_sizes; i++)
		if (d->widths[i] == d->width && d->heights[i] == d->height)
			return;
	d->n_sizes = MIN(d->n_sizes, PT_SOURCE_SIZES - 1);
	add_size(d, d->width, d->height);
}

/* What the driver makes of it; lines of raw pictures have to be without a gap. */
static bool set_format(PtV4l2Device *d, const PtV4l2Location *want, size_t i) {
	struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	f.fmt.pix = (struct v4l2_pix_format){
	    .width = want->width, .height = want->height, .pixelformat = known[i].pixels, .field = V4L2_FIELD_NONE};
	if (call(d->fd, VIDIOC_S_FMT, &f) || f.fmt.pix.pixelformat != known[i].pixels || f.fmt.pix.width < 16 ||
	    f.fmt.pix.height < 16 || f.fmt.pix.width > 8192 || f.fmt.pix.height > 8192)
		return false;
	d->pixels = known[i].pixels;
	d->codec = known[i].codec;
	d->width = (uint16_t)f.fmt.pix.width;
	d->height = (uint16_t)f.fmt.pix.height;
	return known[i].from != PT_V4L2_FROM_RAW ||
	       f.fmt.pix.bytesperline == f.fmt.pix.width * (d->codec == PT_CODEC_YUYV ? 2 : 1);
}

static bool choose_format(PtV4l2Device *d, const PtV4l2Location *want, GError **error) {
	struct v4l2_capability c = {0};
	if (call(d->fd, VIDIOC_QUERYCAP, &c)) {
		pt_error_set(error, UNSUPPORTED, "%s is no camera", want->device);
		return false;
	}
	uint32_t can = c.capabilities & V4L2_CAP_DEVICE_CAPS ? c.device_caps : c.capabilities;
	if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING)) {
		pt_error_set(error, UNSUPPORTED, "%s gives no pictures (is another of its devices the camera?)",
		             want->device);
		return false;
	}
	d->has_mjpeg = offers(d->fd, V4L2_PIX_FMT_MJPEG) || offers(d->fd, V4L2_PIX_FMT_JPEG);
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (is_wanted(want, i) && offers(d->fd, known[i].pixels) && set_format(d, want, i)) {
			read_sizes(d);
			return true;
		}
	pt_error_set(error, UNSUPPORTED, "%s offers no %s", want->device,
	             want->mjpeg || want->from == PT_V4L2_FROM_MJPEG ? "MJPEG"
	             : want->from == PT_V4L2_FROM_H264               ? "H.264"
	             : want->from == PT_V4L2_FROM_RAW                ? "NV12 or YUYV pictures"
	                                                             : "H.264, MJPEG, NV12 or YUYV pictures");
	return false;
}

static void set_control(PtV4l2Device *d, uint32_t id, int64_t value) {
	struct v4l2_control c = {.id = id, .value = (int32_t)value};
	call(d->fd, VIDIOC_S_CTRL, &c); /* not every driver can; what comes is taken as it comes */
}

void pt_v4l2_force_key(PtV4l2Device *d) { set_control(d, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1); }

static bool map_buffers(PtV4l2Device *d) {
	struct v4l2_requestbuffers r = {
	    .count = PT_V4L2_BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	if (call(d->fd, VIDIOC_REQBUFS, &r) || !r.count)
		return false;
	for (unsigned i = 0; i < MIN(r.count, PT_V4L2_BUFFERS); i++) {
		struct v4l2_buffer b = {.index = i, .type = r.type, .memory = r.memory};
		if (call(d->fd, VIDIOC_QUERYBUF, &b))
			return false;
		void *at = mmap(NULL, b.length, PROT_READ, MAP_SHARED, d->fd, b.m.offset);
		if (at == MAP_FAILED)
			return false;
		d->buffers[d->n_buffers].at = at;
		d->buffers[d->n_buffers++].size = b.length;
		if (call(d->fd, VIDIOC_QBUF, &b))
			return false;
	}
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	return !call(d->fd, VIDIOC_STREAMON, &type);
}

bool pt_v4l2_open(PtV4l2Device *d, const PtV4l2Location *want, GError **error) {
	*d = (PtV4l2Device){.fd = open(want->device, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
	if (d->fd < 0) {
		pt_error_set(error, NOT_FOUND, "%s: %s", want->device, g_strerror(errno));
		return false;
	}
	struct v4l2_streamparm p = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	p.parm.capture.timeperframe = (struct v4l2_fract){1, want->fps};
	bool ok = choose_format(d, want, error);
	if (ok) {
		call(d->fd, VIDIOC_S_PARM, &p); /* not every device can; what comes is taken at the rate it comes */
		if (d->codec == PT_CODEC_H264) {
			set_control(d, V4L2_CID_MPEG_VIDEO_BITRATE, want->bitrate);
			set_control(d, V4L2_CID_MPEG_VIDEO_GOP_SIZE, MAX(want->gop_ms * want->fps / 1000, 1));
		}
		ok = map_buffers(d);
		if (!ok)
			pt_error_set(error, FAILED, "%s gives no pictures: %s", want->device, g_strerror(errno));
	}
	if (!ok)
		pt_v4l2_close(d);
	return ok;
}

void pt_v4l2_close(PtV4l2Device *d) {
	if (d->fd < 0)
		return;
	for (unsigned i = 0; i < d->n_buffers; i++)
		munmap(d->buffers[i].at, d->buffers[i].size);
	close(d->fd);
	*d = (PtV4l2Device){.fd = -1};
}

int pt_v4l2_take(PtV4l2Device *d, PtV4l2Picture *ret, GError **error) {
	struct v4l2_buffer b = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	if (call(d->fd, VIDIOC_DQBUF, &b)) {
		if (errno == EAGAIN)
			return 0;
		pt_error_set(error, CLOSED, "the camera is gone: %s", g_strerror(errno));
		return -1;
	}
	bool monotonic = (b.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	*ret = (PtV4l2Picture){.index = b.index, .damaged = (b.flags & V4L2_BUF_FLAG_ERROR) || b.index >= d->n_buffers};
	if (ret->damaged)
		return 1;
	ret->data = d->buffers[b.index].at;
	ret->size = MIN(b.bytesused, d->buffers[b.index].size);
	ret->mono_ns = monotonic ? b.timestamp.tv_sec * PT_NS_PER_S + b.timestamp.tv_usec * 1000 : 0;
	return 1;
}

void pt_v4l2_give_back(PtV4l2Device *d, const PtV4l2Picture *picture) {
	struct v4l2_buffer b = {.index = picture->index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	call(d->fd, VIDIOC_QBUF, &b);
}
