/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting what a device holds: files, threads, slab objects, module users. */
#ifndef RINGSIDE_LIBPROC_H
#define RINGSIDE_LIBPROC_H

#include <stdbool.h>
#include <sys/types.h>

/* Open files of this process. */
int proc_fds(void);
/*
 * Worker threads of devices whose SET_OWNER was called by the thread with this
 * id, be they threads of the owner or the kernel's own ("vhost-<tid>").
 */
int proc_workers(pid_t owner);
/*
 * First line of a file ("cgroup", "comm" ...) of a worker of owner in /proc,
 * without its newline; -ENOENT when there is no worker.
 */
int proc_worker_read(pid_t owner, const char *file, char *line, size_t room);
/* The same of this thread. */
int proc_self_read(const char *file, char *line, size_t room);
/* Worker threads that belong to a process, whoever it is for: not the kernel's own. */
int proc_task_workers(pid_t process);
/* Can a worker be a thread of its owner in this lab kernel? */
bool proc_has_task_workers(void);
/* Threads of all vhost devices on the system. */
int proc_all_workers(void);
/*
 * Poll until proc_all_workers() is want; returns the last count. A thread that was told
 * to end, and waited for, can still be seen for a moment.
 */
int proc_wait_all_workers(int want, unsigned int timeout_ms);
/* Poll until proc_workers(owner) is want; returns the last count. */
int proc_wait_workers(pid_t owner, int want, unsigned int timeout_ms);
/* Objects in use in a slab cache; -ENOENT when there is no such cache. */
long proc_slab(const char *cache);
/* Users of a module; -ENOENT when it is not a loaded module. */
int proc_module_users(const char *module);
/* Run fn(fd) in a child; returns its exit status, or -1. */
int proc_in_child(int (*fn)(int fd), int fd);
/* Has a child ended within some time? Its status as of waitpid(), or -1. */
int proc_child_ended(pid_t child, unsigned int timeout_ms);
/* Write text to a file that is there. 0 or -errno. */
int proc_write(const char *path, const char *text);
#define PROC_CGROUPS	"/sys/fs/cgroup/"
/*
 * Move this thread into a new cgroup, PROC_CGROUPS and name, that can limit processes. 0,
 * -ENOENT when the kernel has none such, or another -errno.
 */
int proc_enter_cgroup(const char *name);
/* And back; the cgroup is removed. */
int proc_leave_cgroup(const char *name);
/* A number in /sys/module/MODULE/parameters/NAME, or -errno. */
long proc_param(const char *module, const char *name);
/* "TEXT" into the kernel log, so that a splat can be matched with a test. */
void kmsg_mark(const char *text);
/* A reader of the kernel log that starts at its end; -errno when there is none. */
int kmsg_open(void);
/* Lines with text in them since kmsg_open() or the last kmsg_count(). */
int kmsg_count(int fd, const char *text);
/* CPU time of the workers of owner so far, in ms; -ENOENT when there is none. */
long proc_worker_cpu_ms(pid_t owner);

#endif
