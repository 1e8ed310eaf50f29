/* SPDX-License-Identifier: Apache-2.0 */
#include "media/v4l2/device.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* In the order of preference. What a device has compressed itself is not taken yet. */
static const struct {
	uint32_t pixels;
	PtCodec codec;
} known[] = {{V4L2_PIX_FMT_NV12, PT_CODEC_NV12}, {V4L2_PIX_FMT_YUYV, PT_CODEC_YUYV}};

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
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
		f.fmt.pix = (struct v4l2_pix_format){
		    .width = want->width, .height = want->height, .pixelformat = known[i].pixels, .field = V4L2_FIELD_NONE};
		if (!offers(d->fd, known[i].pixels) || call(d->fd, VIDIOC_S_FMT, &f) ||
		    f.fmt.pix.pixelformat != known[i].pixels)
			continue;
		if (f.fmt.pix.width < 16 || f.fmt.pix.height < 16 || f.fmt.pix.width > 8192 || f.fmt.pix.height > 8192)
			continue;
		d->pixels = known[i].pixels;
		d->codec = known[i].codec;
		d->width = (uint16_t)f.fmt.pix.width;
		d->height = (uint16_t)f.fmt.pix.height;
		if (f.fmt.pix.bytesperline == f.fmt.pix.width * (d->codec == PT_CODEC_YUYV ? 2 : 1))
			return true; /* lines without a gap */
	}
	pt_error_set(error, UNSUPPORTED, "%s offers neither NV12 nor YUYV pictures", want->device);
	return false;
}

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
