/* Texts spoken by espeak-ng, where it is installed: a program of its own, given the text on its standard input and nothing
 * by way of a shell, ended when it takes too long. Main thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>

bool pt_speech_available(void);
/* fn is called once, later; finish gives a WAV, or NULL and an error. */
void pt_speech_say_async(const char *text, const char *voice, GCancellable *cancellable, GAsyncReadyCallback fn, void *data);
GBytes *pt_speech_say_finish(GAsyncResult *result, GError **error);
