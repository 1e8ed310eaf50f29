/* pigtail demo: a virtual camera and a hub in a directory of their own, as two processes that speak RTSP and HTTP to each
 * other and nothing else. Writes the two site files when they are not there, so that they can be changed and kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char camera_site[] =
    "# The camera of the demo: a picture that moves, with the clock in it, offered over RTSP as any camera would.\n"
    "site: { name: Demo camera }\n"
    "web: { listen: 127.0.0.1:%d }\n"
    "archive: { path: %s/camera }\n"
    "cameras:\n"
    "  gate:\n"
    "    source: test:clock\n"
    "    sub: test:clock?size=640x360&audio=none\n"
    "    record: { main: never, sub: never }\n"
    "    audio: { listen: all }\n"
    "serve: { rtsp: 127.0.0.1:%d }\n";

static const char hub_site[] =
    "# The hub of the demo. Change it and send the process a SIGHUP, or stop and start the demo.\n"
    "site: { name: Demo, location: [52.52, 13.40], timezone: Europe/Berlin }\n"
    "web: { listen: 127.0.0.1:%d }\n"
    "archive: { path: %s/hub, keep: { days: 7, size: 20GiB, free: 5%% } }\n"
    "cameras:\n"
    "  gate:\n"
    "    source: rtsp://127.0.0.1:%d/gate/main\n"
    "    sub: rtsp://127.0.0.1:%d/gate/sub\n"
    "    login: gate\n"
    "    record: { main: always, sub: events }\n"
    "    audio: { listen: all, record: always }\n"
    "inputs:\n"
    "  door: { driver: virtual, channel: 1, kind: door, contact: normally-open, debounce: 30ms }\n"
    "  button: { driver: virtual, channel: 2, kind: button }\n"
    "relays:\n"
    "  flood: { driver: virtual, channel: 1, kind: light, safe: off }\n"
    "  gate: { driver: virtual, channel: 2, kind: gate, mode: monostable, pulse: 1s, safe: off, egress: mechanical, "
    "hub-timed: accepted }\n"
    "rules:\n"
    "  light at the door:\n"
    "    when: door active\n"
    "    do:\n"
    "      - relay: { flood: on, for: 10s }\n"
    "      - record: { camera: gate, before: 10s, after: 30s, keep: 30d }\n"
    "      - log: somebody is at the door\n"
    "  open gate:\n"
    "    when: button active\n"
    "    do:\n"
    "      - relay: { gate: pulse }\n";

/* The first of three free ports in a row, from a wish on. 0: none found. */
static int free_ports(int wish) {
	for (int base = wish; base < wish + 300; base += 3) {
		int free_ones = 0;
		for (int i = 0; i < 3; i++) {
			int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
			struct sockaddr_in a = {.sin_family = AF_INET,
			                        .sin_port = htons((uint16_t)(base + i)),
			                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
			free_ones += fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof a);
			if (fd >= 0)
				close(fd);
		}
		if (free_ones == 3)
			return base;
	}
	return 0;
}

static bool write_file(const char *path, const char *text, int mode) {
	g_autoptr(GError) error = NULL;
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, mode, &error))
		return true;
	fprintf(stderr, "pigtail demo: %s\n", error->message);
	return false;
}

static bool make_files(const char *dir, int port) {
	g_autofree char *camera_dir = g_build_filename(dir, "camera-site", NULL),
	                *hub_dir = g_build_filename(dir, "hub-site", NULL);
	if (g_mkdir_with_parents(camera_dir, 0700) || g_mkdir_with_parents(hub_dir, 0700)) {
		fprintf(stderr, "pigtail demo: create %s: %s\n", dir, g_strerror(errno));
		return false;
	}
	uint8_t random[16];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return false;
	g_autofree char *password = g_compute_checksum_for_data(G_CHECKSUM_SHA256, random, sizeof random);
	g_autofree char *absolute = g_canonicalize_filename(dir, NULL);
	g_autofree char *camera_file = g_build_filename(camera_dir, "site.yaml", NULL);
	g_autofree char *camera_secrets = g_build_filename(camera_dir, "secrets.yaml", NULL);
	g_autofree char *hub_file = g_build_filename(hub_dir, "site.yaml", NULL);
	g_autofree char *hub_secrets = g_build_filename(hub_dir, "secrets.yaml", NULL);
	g_autofree char *camera = g_strdup_printf(camera_site, port + 1, absolute, port + 2);
	g_autofree char *hub = g_strdup_printf(hub_site, port, absolute, port + 2, port + 2);
	g_autofree char *offered = g_strdup_printf("app-passwords:\n  hub: { user: hub, password: %.32s }\n", password);
	g_autofree char *used = g_strdup_printf("logins:\n  gate: { user: hub, password: %.32s }\n", password);
	return write_file(camera_file, camera, 0600) && write_file(camera_secrets, offered, 0600) &&
	       write_file(hub_file, hub, 0600) && write_file(hub_secrets, used, 0600);
}

static pid_t spawn(const char *dir, const char *which, bool link, const char *log) {
	g_autofree char *site = g_build_filename(dir, which, "site.yaml", NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid != 0)
		return pid;
	/* Ctrl-C reaches the whole group: the parent alone decides in which order they end */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (log) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd >= 0) {
			dup2(fd, STDOUT_FILENO);
			dup2(fd, STDERR_FILENO);
			close(fd);
		}
	}
	if (link)
		setenv("PIGTAIL_LINK", "1", 1);
	execl("/proc/self/exe", "pigtail", "run", site, NULL);
	_exit(127);
}

/* Waits for a signal to stop or for the end of a child; then ends both, the hub first, and tells how it went. */
static int watch(pid_t camera, pid_t hub, const sigset_t *signals) {
	int result = PT_EXIT_DONE, status;
	for (;;) {
		int signal = sigwaitinfo(signals, NULL);
		if (signal == SIGINT || signal == SIGTERM)
			break;
		pid_t gone = signal == SIGCHLD ? waitpid(-1, &status, WNOHANG) : 0;
		if (gone == hub || gone == camera) {
			fprintf(stderr, "pigtail demo: the %s ended by itself\n", gone == hub ? "hub" : "camera");
			*(gone == hub ? &hub : &camera) = 0;
			result = PT_EXIT_FAILED;
			break;
		}
	}
	pid_t both[] = {hub, camera};
	for (int i = 0; i < 2; i++)
		if (both[i] > 0) {
			kill(both[i], SIGTERM);
			if (waitpid(both[i], &status, 0) == both[i] && (!WIFEXITED(status) || WEXITSTATUS(status)))
				result = PT_EXIT_FAILED;
		}
	return result;
}

int pt_cli_demo(int argc, char **argv) {
	const char *dir = pt_cli_option(&argc, argv, "--dir"), *wish = pt_cli_option(&argc, argv, "--port");
	guint64 port = 8080;
	if (argc != 1 || (wish && !g_ascii_string_to_unsigned(wish, 10, 1024, 65000, &port, NULL))) {
		fprintf(stderr,
		        "usage: pigtail demo [--dir DIR] [--port N]     (ports N to N+2, from 1024 on; default 8080)\n");
		return PT_EXIT_USAGE;
	}
	g_autofree char *own_dir = g_build_filename(g_get_user_data_dir(), "pigtail-demo", NULL);
	dir = dir ? dir : own_dir;
	int base = free_ports((int)port);
	if (!base) {
		fprintf(stderr, "pigtail demo: no three free ports in a row from %d on\n", (int)port);
		return PT_EXIT_FAILED;
	}
	if (!make_files(dir, base))
		return PT_EXIT_FAILED;
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	g_autofree char *log = g_build_filename(dir, "camera.log", NULL);
	fprintf(stderr, "demo in %s; Ctrl-C ends it\n", dir);
	pid_t camera = spawn(dir, "camera-site", false, log);
	pid_t hub = spawn(dir, "hub-site", true, NULL);
	return watch(camera, hub, &signals);
}
