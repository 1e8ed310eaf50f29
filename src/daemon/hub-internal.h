/* What hub.c (which opens and closes all rooms) and hub-web.c (by which others reach them) share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "daemon/actions.h"
#include "daemon/add-camera.h"
#include "daemon/alarm-desk.h"
#include "daemon/authority.h"
#include "daemon/backfill.h"
#include "daemon/cameras.h"
#include "daemon/card-health.h"
#include "daemon/catch-up.h"
#include "daemon/hub.h"
#include "daemon/mqtt.h"
#include "daemon/network-watch.h"
#include "daemon/onvif-announce.h"
#include "daemon/onvif.h"
#include "daemon/pictures.h"
#include "daemon/plugs.h"
#include "daemon/relay-cycles.h"
#include "daemon/serve.h"
#include "daemon/talk-desk.h"
#include "daemon/tell.h"
#include "daemon/unset-clock.h"
#include "plugs/virtual/virtual.h"
#include "web/host.h"

#define PT_HUB_WORKERS_MAX 8

typedef struct {
	PtHubOptions options;
	GMainLoop *main;
	PtSite *site;
	PtClock *clock;
	PtBus *bus;
	PtLoop *workers[PT_HUB_WORKERS_MAX];
	unsigned n_workers;
	PtLoop *serving; /* the RTSP server's and the viewers' conversions */
	char *runtime_dir;
	PtEventlog *log;
	PtBusSubscription *logged;
	PtArchive *archive;
	char *archive_error;
	PtKeeper *keeper;
	PtCardHealth *health;
	PtRelayCycles *cycles;
	PtPlugs *plugs;
	PtVirtualHand *hand;
	PtAlarmDesk *alarm;
	PtTell *tell;
	PtTalkDesk *talk;
	PtPictures *pictures;
	PtActions *actions;
	PtRulesEngine *rules;
	PtHttp *http; /* to cameras */
	PtCameras *cameras;
	PtBackfill *backfill;
	PtCatchUp *catch_up;
	PtAddCamera *add;
	PtServe *serve;
	PtOnvif *onvif; /* NULL: the site file asks for none */
	PtOnvifAnnounce *announce;
	PtServer *server;
	PtServer *install;      /* NULL: the site file asks for none */
	PtAuthority *authority; /* NULL: the site file asks for none */
	PtLogin *login;
	PtHost host;
	PtUnsetClock *unset_clock;
	PtNetworkWatch *network;
	PtMqttSite *mqtt; /* NULL: the site file names no broker */
	int exit_code;
} PtHub;

/* ---- hub.c ---- */
void pt_hub_say(const char *format, ...) G_GNUC_PRINTF(1, 2); /* to whoever started the program */
void pt_hub_publish(PtHub *h, const char *source, const char *topic, const char *state, const char *actor,
                    const char *detail);
/* The rest as callbacks of rooms; user is the PtHub. */
PtSite *pt_hub_site(void *user);
gboolean pt_hub_journal(void *user, PtEvent *intent, GError **error);
bool pt_hub_reload(void *user, GPtrArray *problems);

/* ---- hub-web.c ---- */
bool pt_hub_open_web(PtHub *h, GError **error);
bool pt_hub_listen_web(PtHub *h, GError **error);
bool pt_hub_listen_onvif(PtHub *h, GError **error);
