/* The topics of our events, and topic expressions (Core specification, "Topic Filter"; WS-Topics 1.3). Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "onvif/host.h"
#include "onvif/xml.h"

#define PT_TRACK_VIDEO "VIDEO001" /* of a recording, as in the descriptions of the replay */
#define PT_TRACK_AUDIO "AUDIO001"
#define PT_DIALECT_CONCRETE_SET "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
#define PT_DIALECT_CONCRETE "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"

typedef struct {
	const char *path;                      /* "tns1:Device/Trigger/DigitalInput" */
	const char *source, *data, *data_type; /* names of the simple items; all are properties; source NULL: none */
	const char *yes, *no;                  /* values of the data; NULL: it is the time */
	const char *source_type;               /* NULL: tt:ReferenceToken */
	const char *track;                     /* value of a second item of the source, "Track"; NULL: none */
} PtTopic;

extern const PtTopic pt_topics[PT_ONVIF_N_TOPICS];

/* expression: with our prefixes, as pt_topic_expression() makes it. */
bool pt_topic_matches(const char *expression, const char *path);
/* Reads a TopicExpression element: prefixes become ours, white space goes. NULL: it breaks the grammar, or
 * ret_unknown_dialect. Caller frees. */
char *pt_topic_expression(const PtXmlNode *node, bool *ret_unknown_dialect);
/* Plugs of no camera are for whoever sees all. */
static inline bool pt_topic_is_plug(PtOnvifTopic topic) {
	return topic == PT_ONVIF_DIGITAL_INPUT || topic == PT_ONVIF_RELAY;
}
/* <wsnt:Topic> and <wsnt:Message> of an event. */
void pt_topic_put_message(PtXml *xml, PtOnvifTopic topic, const char *operation, const char *token, bool active,
                          int64_t wall_ns);
/* The tree below wstop:TopicSet; mask: bit i for topic i. */
void pt_topic_put_set(PtXml *xml, unsigned mask);
