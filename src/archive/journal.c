/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/journal.h"
#include "base/bytes.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two files take turns: one is appended to while the other is drained, so that trimming never races an append.
 * A record: u32 length, u32 CRC-32 of sequence and data, u64 sequence, data. */
#define HEAD 16

struct PtJournal {
	char *path[2];
	GMutex lock;
	/* under lock */
	int fd[2];
	size_t size[2];
	int active;
	uint64_t sequence;
	/* draining thread */
	bool taken[2];
};

static uint32_t crc_table[256];

static void crc_init(void) {
	static gsize done;
	if (!g_once_init_enter(&done))
		return;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
		crc_table[i] = c;
	}
	g_once_init_leave(&done, 1);
}

static uint32_t crc_of(const uint8_t *p, size_t n) { /* CRC-32 of ISO 3309 */
	uint32_t c = 0xffffffff;
	while (n--)
		c = crc_table[(c ^ *p++) & 0xff] ^ c >> 8;
	return ~c;
}

static bool usable(const char *dir, bool make) {
	struct stat st;
	if (make && mkdir(dir, 0700) && errno != EEXIST)
		return false;
	/* somebody else's directory, or a link, in a place where everybody may write */
	return !lstat(dir, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !access(dir, W_OK | X_OK) &&
	       (!(st.st_mode & 077) || !chmod(dir, 0700));
}

static char *find_dir(const char *archive_path, bool make) {
	g_autofree char *canonical = g_canonicalize_filename(archive_path, NULL);
	g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, canonical, -1);
	hash[12] = 0;
	const char *runtime = g_getenv("RUNTIME_DIRECTORY"), *xdg = g_getenv("XDG_RUNTIME_DIR");
	char *candidates[] = {
	    runtime && *runtime == '/' ? g_strdup_printf("%.*s/%s", (int)strcspn(runtime, ":"), runtime, hash) : NULL,
	    g_strdup_printf("/run/pigtail-%s", hash),
	    xdg && *xdg == '/' ? g_strdup_printf("%s/pigtail-%s", xdg, hash) : NULL,
	    g_strdup_printf("/dev/shm/pigtail-%u-%s", (unsigned)geteuid(), hash),
	};
	char *found = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++) {
		if (!found && candidates[i] && usable(candidates[i], make))
			found = g_steal_pointer(&candidates[i]);
		g_free(candidates[i]);
	}
	return found;
}

char *pt_journal_find_dir(const char *archive_path) { return find_dir(archive_path, false); }

char *pt_journal_dir(const char *archive_path, GError **error) {
	char *found = find_dir(archive_path, true);
	if (!found)
		pt_error_set(error, DISK,
		             "no directory in memory can be written: give one by RUNTIME_DIRECTORY (systemd: "
		             "RuntimeDirectory=pigtail)");
	return found;
}

static uint64_t first_sequence(PtJournal *j, int half) {
	uint8_t head[HEAD];
	if (pread(j->fd[half], head, HEAD, 0) != HEAD)
		return UINT64_MAX;
	PtBytes b = pt_bytes(head + 8, 8);
	return pt_bytes_u64(&b);
}

/* Each that has it open holds a shared lock: whoever removes it has to be the last. */
static int open_half(const char *path) {
	for (int tries = 0; tries < 100; tries++) {
		struct stat st;
		int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -1;
		if (!flock(fd, LOCK_SH) && !fstat(fd, &st) && st.st_nlink)
			return fd;
		close(fd); /* it was removed meanwhile */
	}
	errno = EBUSY;
	return -1;
}

PtJournal *pt_journal_open(const char *dir, GError **error) {
	crc_init();
	PtJournal *j = g_new0(PtJournal, 1);
	g_mutex_init(&j->lock);
	j->fd[0] = j->fd[1] = -1;
	for (int i = 0; i < 2; i++) {
		j->path[i] = g_strdup_printf("%s/journal.%d", dir, i);
		j->fd[i] = open_half(j->path[i]);
		off_t end = j->fd[i] < 0 ? -1 : lseek(j->fd[i], 0, SEEK_END);
		if (end < 0) {
			pt_error_set(error, DISK, "%s: %s", j->path[i], g_strerror(errno));
			pt_journal_close(j);
			return NULL;
		}
		j->size[i] = (size_t)end;
	}
	/* a sequence higher than any left behind orders the halves, whichever came first */
	j->sequence = (uint64_t)g_get_real_time() << 8;
	return j;
}

void pt_journal_close(PtJournal *j) {
	if (!j)
		return;
	for (int i = 0; i < 2; i++) {
		if (j->fd[i] >= 0 && !j->size[i] && !flock(j->fd[i], LOCK_EX | LOCK_NB))
			unlink(j->path[i]);
		if (j->fd[i] >= 0)
			close(j->fd[i]);
		g_free(j->path[i]);
	}
	g_mutex_clear(&j->lock);
	g_free(j);
}

gboolean pt_journal_append(PtJournal *j, const void *data, size_t size, bool must, GError **error) {
	if (size > PT_JOURNAL_RECORD_MAX) {
		pt_error_set(error, TOO_LARGE, "a record of %zu bytes is too large for the journal", size);
		return FALSE;
	}
	uint8_t record[HEAD + PT_JOURNAL_RECORD_MAX];
	memcpy(record + HEAD, data, size);
	pt_put_u32(record, (uint32_t)size);
	g_mutex_lock(&j->lock);
	int half = j->active;
	size_t standing = j->size[0] + j->size[1];
	uint64_t sequence = ++j->sequence;
	pt_put_u32(record + 8, (uint32_t)(sequence >> 32));
	pt_put_u32(record + 12, (uint32_t)sequence);
	pt_put_u32(record + 4, crc_of(record + 8, size + 8));
	ssize_t n = -1;
	errno = ENOSPC;
	if (standing + HEAD + size <= (must ? PT_JOURNAL_HARD_MAX : PT_JOURNAL_SOFT_MAX))
		n = write(j->fd[half], record, HEAD + size);
	int e = errno;
	if (n == (ssize_t)(HEAD + size))
		j->size[half] += (size_t)n;
	else if (n > 0 && ftruncate(j->fd[half], (off_t)j->size[half])) /* half a record would end all reading behind it */
		e = errno;
	g_mutex_unlock(&j->lock);
	if (n == (ssize_t)(HEAD + size))
		return TRUE;
	pt_error_set(error, DISK, "the journal cannot be written (%s): %s", j->path[half], g_strerror(n < 0 ? e : ENOSPC));
	return FALSE;
}

static unsigned give_out(PtJournal *j, int half, size_t size, void (*fn)(void *, const uint8_t *, size_t), void *user) {
	g_autofree uint8_t *data = g_malloc(size + 1);
	size_t have = 0;
	ssize_t n;
	while (have < size && (n = pread(j->fd[half], data + have, size - have, (off_t)have)) > 0)
		have += (size_t)n;
	PtBytes b = pt_bytes(data, have);
	unsigned count = 0;
	while (b.left >= HEAD) {
		uint32_t length = pt_bytes_u32(&b), crc = pt_bytes_u32(&b);
		PtBytes body = pt_bytes_sub(&b, (size_t)length + 8);
		if (body.bad || length > PT_JOURNAL_RECORD_MAX || crc != crc_of(body.p, body.left))
			break;
		fn(user, body.p + 8, length);
		count++;
	}
	return count;
}

unsigned pt_journal_take(PtJournal *j, void (*fn)(void *, const uint8_t *, size_t), void *user) {
	unsigned count = 0;
	g_mutex_lock(&j->lock);
	/* what is taken is the half not appended to; after a start it may be both */
	int idle = !j->active;
	size_t size[2] = {j->size[0], j->size[1]};
	if (!size[idle])
		j->active = idle;
	g_mutex_unlock(&j->lock);
	int order[2] = {idle, !idle};
	if (size[0] && size[1] && first_sequence(j, order[1]) < first_sequence(j, order[0])) {
		order[0] = !idle; /* the older half first, though it is the one still appended to: up to what was seen */
		order[1] = idle;
	}
	for (int i = 0; i < 2; i++) {
		if (!size[order[i]])
			continue;
		count += give_out(j, order[i], size[order[i]], fn, user);
		j->taken[order[i]] = true;
	}
	return count;
}

void pt_journal_done(PtJournal *j) {
	g_mutex_lock(&j->lock);
	for (int i = 0; i < 2; i++) {
		/* the half that is appended to stays; its records are given out again and known by their id */
		if (j->taken[i] && i != j->active && !ftruncate(j->fd[i], 0))
			j->size[i] = 0;
		j->taken[i] = false;
	}
	g_mutex_unlock(&j->lock);
}

bool pt_journal_empty(PtJournal *j) {
	g_mutex_lock(&j->lock);
	bool empty = !j->size[0] && !j->size[1];
	g_mutex_unlock(&j->lock);
	return empty;
}
