/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify-door.h"
#include "base/error.h"

static bool never(void *user, const void *message, size_t size) { return false; }

/* Whether a camera there is told an address; where there is no way to it, that it is not refused counts. */
static bool may_deliver(PtNotifyDoor *door, const char *remote, bool chosen) {
	g_autoptr(GError) error = NULL;
	g_autofree char *address = pt_notify_door_open(door, remote, chosen, never, NULL, &error);
	if (address)
		pt_notify_door_close(door, address);
	return address || !g_error_matches(error, PT_ERROR, PT_ERROR_DENIED);
}

static void test_plain(void) {
	PtNotifyDoor *door = pt_notify_door_new();
	g_assert_true(may_deliver(door, "127.0.0.1", false));
	g_assert_false(may_deliver(door, "192.0.2.20", false));
	g_assert_true(may_deliver(door, "192.0.2.20", true));
	pt_notify_door_set_listen(door, NULL, true);
	g_assert_true(may_deliver(door, "192.0.2.20", false));
	pt_notify_door_set_listen(door, "127.0.0.1:0", false);
	g_assert_true(may_deliver(door, "192.0.2.20", false));
	pt_notify_door_set_listen(door, NULL, false);
	g_assert_false(may_deliver(door, "192.0.2.20", false));
	pt_notify_door_free(door);
}

int main(int argc, char **argv) {
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notify-door/plain", test_plain);
	return g_test_run();
}
