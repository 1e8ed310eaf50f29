/* A decoder meets whatever a camera sends: it does so with nothing worth taking in reach. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jobs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

#define MEMORY_MAX (UINT64_C(3) << 30) /* 8K H.265 with its reference pictures */

static void limit(int what, uint64_t value) {
	struct rlimit r = {value, value};
	setrlimit(what, &r);
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(ARCH) && !defined(SANITIZED)
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What memory, threads, clocks and one open socket need; everything else fails with EPERM: no file is opened, no socket
 * made, no program run. */
static void filter_calls(void) {
	static struct sock_filter rules[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    ALLOW(read),
	    ALLOW(write),
	    ALLOW(recvfrom),
	    ALLOW(sendto),
	    ALLOW(ppoll),
	    ALLOW(close),
	    ALLOW(fstat),
	    ALLOW(lseek),
	    ALLOW(mmap),
	    ALLOW(munmap),
	    ALLOW(mremap),
	    ALLOW(mprotect),
	    ALLOW(madvise),
	    ALLOW(brk),
	    ALLOW(futex),
	    ALLOW(clock_gettime),
	    ALLOW(clock_nanosleep),
	    ALLOW(nanosleep),
	    ALLOW(gettimeofday),
	    ALLOW(getpid),
	    ALLOW(gettid),
	    ALLOW(sched_yield),
	    ALLOW(sched_getaffinity),
	    ALLOW(exit),
	    ALLOW(exit_group),
	    ALLOW(rt_sigaction),
	    ALLOW(rt_sigprocmask),
	    ALLOW(rt_sigreturn),
	    ALLOW(sigaltstack),
	    ALLOW(tgkill),
	    ALLOW(getrandom),
	    ALLOW(clone),
	    ALLOW(clone3),
	    ALLOW(set_robust_list),
	    ALLOW(rseq),
	    ALLOW(sysinfo),
	    ALLOW(restart_syscall),
	    ALLOW(prlimit64),
#ifdef SYS_poll
	    ALLOW(poll),
#endif
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = {.len = G_N_ELEMENTS(rules), .filter = rules};
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program); /* an old kernel without it: the limits below stand alone */
}
#else
static void filter_calls(void) {}
#endif

void pt_sandbox_enter(unsigned cpu_s) {
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	close_range(3, ~0U, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	if (cpu_s)
		limit(RLIMIT_CPU, cpu_s);
#ifndef SANITIZED
	limit(RLIMIT_AS, MEMORY_MAX); /* the sanitizers map terabytes */
	limit(RLIMIT_NOFILE, 8);
#endif
	if (chdir("/"))
		pt_io_fail(PT_ERROR_FAILED, "cannot leave the working directory: %s", g_strerror(errno));
	filter_calls();
}
