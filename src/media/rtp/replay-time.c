/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp/replay-time.h"
#include "base/clock.h"

#define PROFILE 0xABAC
#define JPEG 0xffd8
#define NTP_1970 INT64_C(2208988800) /* seconds from 1900 to 1970 */
#define JUMP_NS PT_NS_PER_S          /* RTP time and the camera's clock apart by more: the clock counts */
#define STEP_MAX_S 86400             /* what ticks follow at most; longer times are the clock's alone */
#define GUESS_MAX_S 3600             /* and what is believed of RTP time alone */
#define FAR_NS (INT64_C(200 * 366 * 86400) * PT_NS_PER_S)
#define ODD_NS (INT64_C(2 * 366 * 86400) * PT_NS_PER_S) /* no footage lies so far from what was asked for */
#define RATE_MAX 1000000

enum { CLEAN = 0x80, END = 0x40, DISCONTINUITY = 0x20, TERMINAL = 0x10 };

/* Of the three that the same eight bytes may mean, the one that is nearest. */
static int64_t read_ntp(uint64_t ntp, int64_t near_ns) {
	static const int64_t epochs[] = {-NTP_1970, (INT64_C(1) << 32) - NTP_1970, 0};
	int64_t best = INT64_MAX, away = INT64_MAX;
	for (size_t i = 0; i < G_N_ELEMENTS(epochs); i++) {
		int64_t s = (int64_t)(ntp >> 32) + epochs[i], apart = ABS(s - near_ns / PT_NS_PER_S);
		if (apart < away) {
			away = apart;
			best = s;
		}
	}
	uint64_t part = ((ntp & UINT32_MAX) * (uint64_t)PT_NS_PER_S + (UINT64_C(1) << 31)) >> 32;
	return best * PT_NS_PER_S + (int64_t)part;
}

bool pt_replay_extension_take(PtRtpPacket *p, int64_t near_ns, PtReplayExtension *ret) {
	if (!p->ext || p->ext_profile != PROFILE)
		return false;
	PtBytes b = pt_bytes(p->ext, p->ext_size);
	uint64_t ntp = pt_bytes_u64(&b);
	uint8_t bits = pt_bytes_u8(&b), cseq = pt_bytes_u8(&b);
	pt_bytes_u16(&b);
	if (b.bad || !ntp)
		return false;
	*ret = (PtReplayExtension){
	    .wall_ns = read_ntp(ntp, near_ns),
	    .flags = {(bits & CLEAN) != 0, (bits & END) != 0, (bits & DISCONTINUITY) != 0, (bits & TERMINAL) != 0},
	    .cseq = cseq,
	};
	PtBytes rest = b;
	bool jpeg = pt_bytes_u16(&rest) == JPEG;
	size_t words = pt_bytes_u16(&rest);
	const uint8_t *body = pt_bytes_take(&rest, words * 4);
	p->ext = jpeg && !rest.bad ? body : NULL;
	p->ext_size = p->ext ? words * 4 : 0;
	p->ext_profile = JPEG;
	return true;
}

static int64_t to_ns(const PtReplayTime *t, int64_t ticks) {
	return ticks / t->rate * PT_NS_PER_S + ticks % t->rate * PT_NS_PER_S / t->rate;
}

static int64_t to_ticks(const PtReplayTime *t, int64_t ns) {
	return ns / PT_NS_PER_S * t->rate + ns % PT_NS_PER_S * t->rate / PT_NS_PER_S;
}

void pt_replay_time_init(PtReplayTime *t, uint32_t rate, int64_t near_ns) {
	*t = (PtReplayTime){.rate = rate && rate <= RATE_MAX ? rate : 90000, .near_ns = near_ns};
}

static void add_flags(PtFetchFlags *to, const PtFetchFlags *f) {
	to->clean |= f->clean;
	to->end |= f->end;
	to->discontinuity |= f->discontinuity;
	to->terminal |= f->terminal;
}

/* Whether the packet begins another frame: some cameras let RTP's clock stand still. */
static bool begins(const PtReplayTime *t, const PtRtpPacket *p, const PtReplayExtension *e) {
	return p->timestamp != t->rtp || (t->marked && e && e->wall_ns != t->mark.wall_ns);
}

static bool advance(PtReplayTime *t, const PtRtpPacket *p, const PtReplayExtension *e) {
	/* a clock that says the same for one frame after the other says nothing */
	bool says = e && (!t->told || e->wall_ns != t->said_ns), jump = false;
	int64_t most = (int64_t)t->rate * GUESS_MAX_S, delta = CLAMP((int32_t)(p->timestamp - t->rtp), -most, most);
	int64_t wall = t->mark.wall_ns + to_ns(t, delta);
	if (says) {
		int64_t on = MIN(e->wall_ns - t->mark.wall_ns, STEP_MAX_S * PT_NS_PER_S);
		jump = t->told && ABS(e->wall_ns - wall) > JUMP_NS;
		if (jump || !delta)
			delta = MAX(1, to_ticks(t, on));
		wall = e->wall_ns;
	}
	if (ABS(wall - t->near_ns) > FAR_NS)
		wall = t->near_ns;
	t->before = t->mark;
	t->mark = (PtReplayMark){.ticks = t->mark.ticks + delta, .wall_ns = wall, .said = says};
	return jump;
}

/* A single time of 1970 or 2100 among good ones is no time. */
static bool is_odd(const PtReplayTime *t, const PtReplayExtension *e) {
	return t->started && ABS(e->wall_ns - t->near_ns) > ODD_NS && ABS(e->wall_ns - t->mark.wall_ns) > ODD_NS;
}

bool pt_replay_time_packet(PtReplayTime *t, PtRtpPacket *p) {
	PtReplayExtension extension, *e = pt_replay_extension_take(p, t->near_ns, &extension) ? &extension : NULL;
	bool jump = false;
	if (e && is_odd(t, e))
		e = NULL;
	if (!t->started) {
		t->started = true;
		t->mark = (PtReplayMark){.ticks = p->timestamp, .wall_ns = e ? e->wall_ns : t->near_ns, .said = e != NULL};
		t->before = t->mark;
	} else if (begins(t, p, e)) {
		jump = advance(t, p, e);
	} else if (e && !t->mark.said && e->wall_ns != t->said_ns) { /* the frame's first packet did not carry it */
		t->mark.wall_ns = e->wall_ns;
		t->mark.said = true;
	}
	if (e) {
		add_flags(&t->mark.flags, &e->flags);
		t->said_ns = e->wall_ns;
		t->told = true;
	}
	t->rtp = p->timestamp;
	t->marked = p->marker;
	p->ticks = t->mark.ticks;
	return jump;
}

int64_t pt_replay_time_of(const PtReplayTime *t, int64_t ticks, PtFetchFlags *ret) {
	const PtReplayMark *m = ticks == t->before.ticks && ticks != t->mark.ticks ? &t->before : &t->mark;
	*ret = m->flags;
	return m->wall_ns + to_ns(t, ticks - m->ticks);
}
