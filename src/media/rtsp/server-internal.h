/* The parts of the RTSP server: server.c listens and accepts, peer.c is one connection's bytes, session*.c its requests,
 * feed.c one stream on its way to all who take it, talkback.c what a client says. All on the server's loop unless said
 * otherwise. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/clock.h"
#include "base/digest.h"
#include "media/rtp/accept.h"
#include "media/rtp/pack.h"
#include "media/rtsp/message.h"
#include "media/rtsp/server.h"
#include "media/rtsp/transport.h"
#include <netinet/in.h>
#include <sys/socket.h>

#define PT_PEER_QUEUE_MAX (2u * 1024 * 1024) /* bytes that wait for a slow reader */
#define PT_PEER_WIRE (64u * 1024)            /* encrypted at once, and so what waits encrypted; handshakes besides */
#define PT_PEER_TAKE (16u * 1024)            /* received at once */
#define PT_PEER_REPLY_MAX (256u * 1024)
#define PT_PEER_HEAD_NS (10 * PT_NS_PER_S) /* for a whole request from its first byte, and for the first one */
#define PT_PEER_IDLE_NS                                                                                                     \
	(65 * PT_NS_PER_S) /* without a request while nothing is played, or without any sign of life over UDP */
#define PT_PEER_STUCK_NS (30 * PT_NS_PER_S) /* not a byte taken by a TCP client */
#define PT_PEER_TAKING_NS (2 * PT_NS_PER_S) /* who is behind and took nothing for so long is not waited for */
#define PT_PEER_LATE_NS (5 * PT_NS_PER_S)   /* what gave way for so long is not sent any more */
#define PT_SESSION_TIMEOUT 60               /* seconds, as stated to clients */
#define PT_REPORT_NS (5 * PT_NS_PER_S)      /* between sender reports */

typedef struct Peer Peer;
typedef struct Feed Feed;
typedef struct Replay Replay;

typedef union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} Address;

struct PtRtspServer {
	PtLoop *loop;
	const PtRtspServerOps *ops;
	void *data;
	PtDigestServer *digest;
	const PtTlsIdentity *identity;
	unsigned port, secure_port;
	Address address; /* of listener */
	socklen_t address_size;
	/* loop's thread only */
	PtWatch listener, secure; /* fd -1: none */
	PtWatch rtp, rtcp;        /* one pair for all UDP clients */
	unsigned udp_port;        /* of rtp; 0: no UDP */
	Peer *peers;
	Feed *feeds;
	PtRtspServerStats stats;
	GMutex lock;
	GCond ended;
	unsigned replay_threads; /* under lock */
};

/* ---- feed ---- */

struct Feed {
	PtSink sink; /* first; its calls come on the stream's pushing thread */
	int refs;    /* atomic: the list, each posted block */
	PtRtspServer *server;
	PtStream *stream;
	/* pushing thread only */
	bool packing[PT_STREAM_TRACKS];
	PtRtpPacker packers[PT_STREAM_TRACKS];
	PtCodec codecs[PT_STREAM_TRACKS];
	bool skipping; /* too much is waiting for the loop: up to the next key frame */
	/* atomic */
	int wanted;  /* bits of tracks that somebody has set up */
	int waiting; /* blocks posted and not yet taken */
	int unsendable, overrun;
	int changed; /* a track is another codec now: who takes it has to ask anew */
	/* loop's thread only */
	Feed *next;
	Peer *members; /* by feed_next */
	uint32_t ssrcs[PT_STREAM_TRACKS];
	double rate;       /* bit/s of the stream; 0: not known yet */
	int64_t looked_ns; /* monotonic: when */
};

/* The feed of a stream, made when there is none. Never NULL. */
Feed *pt_feed_get(PtRtspServer *server, PtStream *stream);
void pt_feed_join(Feed *feed, Peer *peer);
void pt_feed_leave(Peer *peer); /* the last one ends the feed */

/* ---- peer ---- */

typedef enum { SESSION_NONE, SESSION_READY, SESSION_PLAYING } SessionState;

typedef struct {
	bool set, tcp, reported;
	uint8_t channels[2];
	Address rtp, rtcp; /* of a UDP client */
	uint32_t packets, octets;
	int64_t next_report; /* monotonic */
	uint32_t clock_rate;
} SessionTrack;

struct Peer {
	PtRtspServer *server;
	PtWatch watch; /* fd -1: bytes are fed by hand (tests) */
	PtTimer timer; /* deadlines */
	PtTimer wait;  /* a DESCRIBE that waits for its stream */
	Address address;
	socklen_t address_size;
	Peer *next;
	bool closing; /* once what is to be said is sent */
	bool dead;    /* to be freed at the end of the callback */

	PtRtspParser *parser;
	uint8_t frame_head[4];
	unsigned n_frame_head;
	size_t skip;               /* of an interleaved frame that is being taken */
	int64_t message_since;     /* monotonic, of the first byte of an unfinished request; 0: none */
	int64_t last_sign;         /* of life */
	int64_t last_write;        /* 0: nothing waits */
	uint64_t written, arrived; /* bytes given to the TCP socket; of them, what its other end had at the last look */
	bool any_request;
	bool yielding; /* what waits is not sent before a lesser stream to the same host */
	bool gave_way; /* something that waits did */

	PtTls *tls; /* NULL: plain */
	PtBuf wire; /* encrypted, not sent yet */
	size_t wire_sent;

	PtBuf out;                /* replies */
	GQueue queue;             /* PtRtpBlock */
	size_t queue_bytes, sent; /* sent: of the first block */

	char *user;
	unsigned failures;

	/* the session; one per connection */
	char session[20];
	SessionState state;
	PtStream *stream;
	char *path;
	Feed *feed;
	Peer *feed_next;
	Replay *replay; /* instead of stream and feed */
	SessionTrack tracks[PT_STREAM_TRACKS];
	bool has_video, waiting_key;
	/* what the client says */
	struct {
		PtSpeaker *speaker; /* NULL: nothing was set up for it */
		int channels[2];
		PtRtpAccept accept;
		bool hears; /* the frame that is being taken */
		PtBuf packet;
	} talk;
	uint64_t dropped;

	/* a DESCRIBE that waits */
	struct {
		PtStream *stream;
		char *cseq, *uri;
		bool talk; /* and its back channel is to be told */
		int64_t until;
	} describe;
};

/* identity NULL: plain. */
Peer *pt_peer_new(PtRtspServer *server, int fd, const PtTlsIdentity *identity, const Address *address, socklen_t size);
void pt_peer_kill(Peer *peer); /* marks it; freed when nothing of it is running */
void pt_peer_sweep(PtRtspServer *server);
void pt_peer_receive(Peer *peer, const uint8_t *data, size_t n); /* as it came; at most PT_PEER_TAKE */
void pt_peer_input(Peer *peer, const uint8_t *data, size_t n);   /* plain */
void pt_peer_flush(Peer *peer);
/* Takes a block as far as the peer's session wants it. */
void pt_peer_deliver(Peer *peer, PtRtpBlock *block, uint32_t ssrc);

/* As it is, however much waits. */
void pt_peer_send_block(Peer *peer, PtRtpBlock *block);
/* Forgets what waits to be sent, apart from a block that was begun. */
void pt_peer_drop_queue(Peer *peer);

/* ---- replay ---- */

/* The recording at a path, looked at for this connection; its thread begins to read. NULL and an error. */
Replay *pt_replay_new(Peer *peer, const char *path, GError **error);
void pt_replay_free(Replay *replay); /* from the connection; the thread ends when the disk lets it */
/* Whether the connection's user may still have all of it: rights change while it is looked at. False: and why not. */
bool pt_replay_is_allowed(const Replay *replay, GError **error);
const char *pt_replay_path(const Replay *replay);
/* A reply is still to be written. */
bool pt_replay_busy(const Replay *replay);
/* Both are answered once the disk has: with pt_session_described(), pt_session_playing() or pt_session_refuse(). The message
 * is read at once. */
void pt_replay_describe(Replay *replay, const PtRtspMessage *message, const char *cseq);
typedef enum {
	PT_REPLAY_PLAY_ASKED,
	PT_REPLAY_PLAY_ON,      /* no place is stated and nothing new: it goes on where it stands, and the caller answers */
	PT_REPLAY_PLAY_REFUSED, /* it cannot be, and why */
} PtReplayPlay;
PtReplayPlay pt_replay_play(Replay *replay, const PtRtspMessage *message, const char *cseq, GError **error);
void pt_replay_pause(Replay *replay);
/* Of the last DESCRIBE; a reference, NULL: no such track. */
PtFormat *pt_replay_format(const Replay *replay, unsigned track);
const char *pt_replay_track_name(const Replay *replay, unsigned track);
/* So many bytes wait to be sent: the thread goes on when they are few. */
void pt_replay_drained(Replay *replay, size_t queue_bytes);

/* ---- talkback ---- */

#define PT_TALKBACK_FEATURE "www.onvif.org/ver20/backchannel"
#define PT_TALKBACK_TRACK PT_STREAM_TRACKS /* in addresses */

/* Whether the user may talk out of the stream's loudspeaker. */
bool pt_talkback_is_offered(const Peer *peer, PtStream *stream);
void pt_talkback_describe(GString *sdp);
/* False and an error: it cannot be (PT_ERROR_BUSY: somebody else does). */
bool pt_talkback_open(Peer *peer, const int channels[2], GError **error);
void pt_talkback_close(Peer *peer);
/* Whether a frame of this channel and size is to be taken; its bytes are gathered in peer->talk.packet. */
bool pt_talkback_wants(const Peer *peer, uint8_t channel, size_t size);
void pt_talkback_packet(Peer *peer);

/* ---- session ---- */

void pt_session_request(Peer *peer, const PtRtspMessage *message);
void pt_session_clear(Peer *peer);
void pt_session_describe_again(Peer *peer); /* the wait timer */
/* Answers to what was asked of a replay. range: the value of a=range. */
void pt_session_described(Peer *peer, const char *cseq, const char *uri, const char *range);
void pt_session_playing(Peer *peer, const char *cseq, const char *range, const char *rtp_info, bool paced, double scale);
void pt_session_refuse(Peer *peer, unsigned status, const char *cseq, const char *reason);
