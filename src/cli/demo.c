/* pigtail demo: a virtual camera and a hub in a directory of their own, as two processes that speak RTSP and HTTP to each
 * other and nothing else, through a cable that can be pulled. Writes the two site files when they are not there, so that
 * they can be changed and kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/journal.h"
#include "base/clock.h"
#include "cli/cable.h"
#include "cli/cli.h"
#include "onvif/client/find.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char camera_site[] =
    "# ports from %d on\n"
    "# The camera of the demo: a picture that moves, with the clock in it, a card that it records on, and a board with\n"
    "# switches and two lamps; offered over ONVIF and RTSP as by any camera.\n"
    "site: { name: Demo camera }\n"
    "web: { listen: 127.0.0.1:%d }\n"
    "archive: { path: %s/camera, keep: { size: 4GiB, free: 5%% } }\n"
    "cameras:\n"
    "  gate:\n"
    "    source: test:clock\n"
    "    sub: test:clock?size=640x360&audio=none\n"
    "    record: { main: always, sub: always }\n"
    "    audio: { listen: all, record: always }\n"
    "inputs:\n"
    "  door: { driver: virtual, channel: 1, kind: door, contact: normally-open, debounce: 30ms }\n"
    "  button: { driver: virtual, channel: 2, kind: button }\n"
    "  cable-pulled: { driver: virtual, channel: 3, kind: other } # the demo looks at this one\n"
    "relays:\n"
    "  flood: { driver: virtual, channel: 1, kind: light, safe: off }\n"
    "  gate: { driver: virtual, channel: 2, kind: gate, mode: monostable, pulse: 1s, safe: off, egress: mechanical, "
    "hub-timed: accepted }\n"
    "serve: { rtsp: 127.0.0.1:%d, onvif: 127.0.0.1:%d }\n";

/* Before its cameras and plugs, which are those that were found. */
static const char hub_site[] =
    "# ports from %d on\n"
    "# The hub of the demo. Change it and send the process a SIGHUP, or stop and start the demo.\n"
    "site: { name: Demo, location: [52.52, 13.40], timezone: Europe/Berlin }\n"
    "web: { listen: 127.0.0.1:%d }\n"
    "archive: { path: %s/hub, keep: { days: 7, size: 20GiB, free: 5%% } }\n";

static const char hub_camera[] = "cameras:\n"
                                 "  gate:\n"
                                 "    source: %s\n"
                                 "    login: gate\n"
                                 "    record: { main: always, sub: always }\n"
                                 "    audio: { listen: all, record: always }\n"
                                 "    backfill: { rate: 6Mbit/s } # slow enough to watch\n";

static const char hub_rules[] = "rules:\n"
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

/* What the camera does not tell of its plugs: what they are for. */
static const struct {
	const char *token, *settings;
} uses[] = {
    {"door", "kind: door, contact: normally-open"},
    {"button", "kind: button"},
    {"flood", "kind: light, safe: off"},
    {"gate", "kind: gate, mode: monostable, pulse: 1s, safe: off, egress: mechanical"},
};

#define PORTS 4 /* pages of the hub, pages, RTSP and ONVIF of the camera */
#define CAMERA_END "127.0.0.1"
#define HUB_END "127.0.0.2" /* of the cable: where the hub reaches the camera */
#define CABLE_SWITCH 3      /* the board's channel */

static bool is_free(const char *host, int port) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, host, &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	bool ok = fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof a);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* The first of PORTS free ones in a row, from a wish on. 0: none found. */
static int free_ports(int wish) {
	for (int base = wish; base < wish + 400; base += PORTS) {
		int free_ones = 0;
		for (int i = 0; i < PORTS; i++)
			free_ones += is_free(CAMERA_END, base + i) && is_free(HUB_END, base + i);
		if (free_ones == PORTS)
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

/* The ports that the files of an earlier start were made for. 0: there are none. */
static int earlier_ports(const char *hub_file) {
	g_autofree char *text = NULL;
	int port = 0;
	if (!g_file_get_contents(hub_file, &text, NULL, NULL) || sscanf(text, "# ports from %d on", &port) != 1)
		return 0;
	return port;
}

typedef struct {
	char *dir, *camera_file, *camera_secrets, *camera_users, *hub_file, *hub_secrets;
	char password[33];
	int port;
} Demo;

static void demo_clear(Demo *d) {
	g_free(d->dir);
	g_free(d->camera_file);
	g_free(d->camera_secrets);
	g_free(d->camera_users);
	g_free(d->hub_file);
	g_free(d->hub_secrets);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Demo, demo_clear)

static bool make_camera(Demo *d) {
	uint8_t random[16];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		g_snprintf(d->password + 2 * i, 3, "%02x", random[i]);
	int p = d->port;
	g_autofree char *camera = g_strdup_printf(camera_site, p, p + 1, d->dir, p + 2, p + 3);
	g_autofree char *offered = g_strdup_printf("app-passwords:\n  hub: { user: hub, password: %s }\n", d->password);
	g_autofree char *used = g_strdup_printf("logins:\n  gate: { user: hub, password: %s }\n", d->password);
	return write_file(d->camera_file, camera, 0600) && write_file(d->camera_secrets, offered, 0600) &&
	       write_file(d->camera_users, "hub: { role: operator }\n", 0600) && write_file(d->hub_secrets, used, 0600);
}

/* ---- the hub's site file, from what is found on the network ---- */

typedef struct {
	Demo *demo;
	GMainLoop *loop;
	char *source;  /* of the demo's own camera */
	GString *site; /* NULL until it is found */
} Finding;

static void put_plugs(GString *out, const PtOnvifFound *f, PtOnvifPlugKind kind) {
	g_string_append(out, kind == PT_ONVIF_PLUG_INPUT ? "inputs:\n" : "relays:\n");
	for (guint i = 0; i < f->plugs->len; i++) {
		const PtOnvifPlug *p = g_ptr_array_index(f->plugs, i);
		for (size_t k = 0; p->kind == kind && k < G_N_ELEMENTS(uses); k++)
			if (!strcmp(uses[k].token, p->token))
				g_string_append_printf(out, "  %s: { driver: onvif, camera: gate, token: %s, %s }\n",
				                       p->token, p->token, uses[k].settings);
	}
}

static void camera_found(void *user, const PtOnvifCandidate *c) {
	Finding *f = user;
	if (f->site || !c->found || strcmp(c->source, f->source))
		return; /* somebody else's */
	int p = f->demo->port;
	f->site = g_string_new(NULL);
	g_string_append_printf(f->site, hub_site, p, p, f->demo->dir);
	g_autofree char *through_cable = g_strdup_printf("onvif://" HUB_END ":%d", p + 3);
	g_string_append_printf(f->site, hub_camera, through_cable);
	put_plugs(f->site, c->found, PT_ONVIF_PLUG_INPUT);
	put_plugs(f->site, c->found, PT_ONVIF_PLUG_RELAY);
	g_string_append(f->site, hub_rules);
	g_main_loop_quit(f->loop);
}

static void search_over(void *user) { g_main_loop_quit(((Finding *)user)->loop); }

/* By multicast; on a machine without it the camera is asked at its address. */
static bool find_camera(Demo *d) {
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autofree char *address = g_strdup_printf(CAMERA_END ":%d", d->port + 3);
	Finding f = {.demo = d, .loop = loop, .source = g_strconcat("onvif://", address, NULL)};
	const char *hosts[] = {address, NULL};
	PtHttp *http = pt_http_new(0);
	for (int try = 0; !f.site && try < 2; try++) {
		PtOnvifFindParams params = {.hosts = try ? hosts : NULL,
		                            .only_hosts = try == 1,
		                            .user = "hub",
		                            .password = d->password,
		                            .seconds = 2};
		PtOnvifFind *find = pt_onvif_find_new(http, pt_clock_system(), &params, camera_found, search_over, &f, NULL);
		if (find)
			g_main_loop_run(loop);
		pt_onvif_find_free(find);
	}
	pt_http_free(http);
	bool ok = f.site && write_file(d->hub_file, f.site->str, 0600);
	if (!f.site)
		fprintf(stderr, "pigtail demo: its camera was not found; %s/camera.log says more\n", d->dir);
	else
		g_string_free(f.site, TRUE);
	g_free(f.source);
	return ok;
}

/* log: where its standard error goes, NULL: where ours does. ret_out: its standard output, to be read; NULL: ours. */
static pid_t spawn(const char *site, bool link, const char *log, int *ret_out) {
	int out[2] = {-1, -1};
	if (ret_out && pipe2(out, O_CLOEXEC))
		return -1;
	pid_t parent = getpid(), pid = fork();
	if (pid != 0) {
		if (ret_out) {
			close(out[1]);
			*ret_out = out[0];
		}
		return pid;
	}
	/* Ctrl-C reaches the whole group: the parent alone decides in which order they end */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int fd = log ? open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	if (ret_out)
		dup2(out[1], STDOUT_FILENO);
	if (link)
		setenv("PIGTAIL_LINK", "1", 1);
	execl("/proc/self/exe", "pigtail", "run", site, NULL);
	_exit(127);
}

/* The line with the link that logs in, within ten seconds; "" when none came. Caller frees. */
static char *read_link(int fd) {
	g_autoptr(GString) line = g_string_new(NULL);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;
	while (poll(&p, 1, 10000) > 0 && read(fd, &c, 1) == 1 && c != '\n' && line->len < 500)
		g_string_append_c(line, c);
	return g_strdup(line->str);
}

/* ---- the cable ---- */

/* The camera's board, as a hand feels it. -1: it cannot be reached. */
static int touch_board(const Demo *d) {
	g_autofree char *archive = g_build_filename(d->dir, "camera", NULL), *runtime = pt_journal_find_dir(archive);
	g_autofree char *path = runtime ? g_build_filename(runtime, "board.sock", NULL) : NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (path)
		g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whether the switch is closed; as before when the board does not answer. */
static bool is_pulled(int board, bool before) {
	char line[128], closed[32];
	struct pollfd p = {.fd = board, .events = POLLIN};
	bool pulled = before;
	g_snprintf(closed, sizeof closed, "input %d closed", CABLE_SWITCH);
	if (board < 0 || send(board, "state", 5, MSG_NOSIGNAL) != 5)
		return before;
	while (poll(&p, 1, 500) > 0) {
		ssize_t n = recv(board, line, sizeof line - 1, 0);
		if (n <= 0)
			return before;
		line[n] = 0;
		if (!strcmp(line, "end"))
			return pulled;
		/* lamps that change meanwhile are told in between */
		if (g_str_has_prefix(line, "input " G_STRINGIFY(CABLE_SWITCH) " "))
			pulled = g_str_has_prefix(line, closed);
	}
	return before;
}

/* Waits for a signal to stop or for the end of a child, while the cable follows its switch; then ends both, the hub first,
 * and tells how it went. */
static int watch(const Demo *d, PtCable *cable, pid_t camera, pid_t hub, const sigset_t *signals) {
	static const struct timespec glance = {.tv_nsec = 100 * 1000000};
	int result = PT_EXIT_DONE, status, board = cable ? touch_board(d) : -1;
	bool pulled = false;
	if (cable && board < 0)
		fprintf(stderr, "pigtail demo: the cable cannot be pulled: the camera's board is not reached\n");
	for (;;) {
		int signal = sigtimedwait(signals, NULL, board < 0 ? NULL : &glance);
		if (is_pulled(board, pulled) != pulled) {
			pulled = !pulled;
			pt_cable_pull(cable, pulled);
			fprintf(stderr, "the cable is %s\n", pulled ? "pulled" : "back in its place");
		}
		if (signal == SIGINT || signal == SIGTERM)
			break;
		pid_t gone = signal == SIGCHLD ? waitpid(-1, &status, WNOHANG) : 0;
		if (gone > 0 && (gone == hub || gone == camera)) {
			fprintf(stderr, "pigtail demo: the %s ended by itself\n", gone == hub ? "hub" : "camera");
			*(gone == hub ? &hub : &camera) = 0;
			result = PT_EXIT_FAILED;
			break;
		}
	}
	if (board >= 0)
		close(board);
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
		        "usage: pigtail demo [--dir DIR] [--port N]     (ports N to N+3, from 1024 on; default 8080)\n");
		return PT_EXIT_USAGE;
	}
	g_autofree char *own_dir = g_build_filename(g_get_user_data_dir(), "pigtail-demo", NULL);
	g_autofree char *absolute = g_canonicalize_filename(dir ? dir : own_dir, NULL);
	g_autofree char *log = g_build_filename(absolute, "camera.log", NULL);
	g_auto(Demo) d = {.dir = g_strdup(absolute),
	                  .camera_file = g_build_filename(absolute, "camera-site", "site.yaml", NULL),
	                  .camera_secrets = g_build_filename(absolute, "camera-site", "secrets.yaml", NULL),
	                  .camera_users = g_build_filename(absolute, "camera-site", "users.yaml", NULL),
	                  .hub_file = g_build_filename(absolute, "hub-site", "site.yaml", NULL),
	                  .hub_secrets = g_build_filename(absolute, "hub-site", "secrets.yaml", NULL)};
	int earlier = earlier_ports(d.hub_file);
	if (!wish && earlier)
		port = (guint64)earlier;
	d.port = free_ports((int)port);
	if (!d.port) {
		fprintf(stderr, "pigtail demo: no %d free ports in a row from %d on\n", PORTS, (int)port);
		return PT_EXIT_FAILED;
	}
	/* files that were changed are kept, as long as their ports are to be had */
	bool fresh = earlier != d.port;
	g_autofree char *camera_dir = g_path_get_dirname(d.camera_file), *hub_dir = g_path_get_dirname(d.hub_file);
	if (g_mkdir_with_parents(camera_dir, 0700) || g_mkdir_with_parents(hub_dir, 0700)) {
		fprintf(stderr, "pigtail demo: create %s: %s\n", absolute, g_strerror(errno));
		return PT_EXIT_FAILED;
	}
	if (fresh && !make_camera(&d))
		return PT_EXIT_FAILED;
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	fprintf(stderr,
	        "demo in %s; Ctrl-C ends it\n"
	        "from another terminal: %s state --site %s\n",
	        absolute, program ? program : "pigtail", d.hub_file);
	int camera_out = -1, hub_out = -1;
	pid_t camera = spawn(d.camera_file, true, log, &camera_out), hub = -1;
	g_autofree char *board = read_link(camera_out);
	if (!fresh || find_camera(&d)) {
		g_autoptr(GError) error = NULL;
		PtCable *cable = pt_cable_new(HUB_END, CAMERA_END, (int[]){d.port + 2, d.port + 3}, 2, &error);
		if (!cable)
			fprintf(stderr, "pigtail demo: %s\n", error->message);
		hub = spawn(d.hub_file, true, NULL, &hub_out);
		g_autofree char *link = read_link(hub_out);
		printf("%s\n", link);
		printf("the camera's switches and lamps: %s&to=plugs\n", board);
		printf(
		    "the switch cable-pulled there cuts the two off from each other: put it back after a while, and watch\n"
		    "the hole on the hub's timeline fill from the camera's card\n");
		fflush(stdout);
		int result = watch(&d, cable, camera, hub, &signals);
		pt_cable_free(cable);
		return result;
	}
	if (camera > 0) {
		kill(camera, SIGTERM);
		waitpid(camera, NULL, 0);
	}
	return PT_EXIT_FAILED;
}
