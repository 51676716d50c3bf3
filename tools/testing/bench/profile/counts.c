// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plugin for QEMU's TCG: how often each piece of code was run while the guest was
 * between two addresses of a program.
 *
 * Arguments: begin=ADDRESS, end=ADDRESS, out=DIR. At each end the counts since the
 * beginning are appended to DIR/counts: a line "run" and lines "ADDRESS INSNS COUNT
 * WORKER" for each translated block of INSNS instructions that was run COUNT times,
 * of which WORKER by the worker of a device.
 *
 * Whose a block is shows at the next return to user space: of all that was run since
 * the last one, if a function was among it that only workers call. DIR/kallsyms says
 * where these are. What a system call ran before it slept counts with them.
 *
 * The few declarations of the plugin interface that are needed are here, so that
 * no development package is.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;

typedef struct {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
} qemu_info_t;

enum { CB_NO_REGS = 0 };

typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*exec_cb)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb, int flags,
					  void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 4;

/* A block of instructions; the same place may be translated more than once. */
struct block {
	uint64_t addr;
	size_t insns;
	uint64_t count, worker;
	uint64_t recent;	/* runs since user space was left */
	struct block *next, *next_recent;
};

#define MAX_MARKS	16

static struct block *blocks, *recent;
static uint64_t begin, end, mark[MAX_MARKS];
static unsigned int marks;
static bool on, marked;
static const char *out;

static const char *const worker_functions[] = {
	"handle_tx", "handle_rx", "handle_tx_kick", "handle_rx_kick", "handle_rx_net",
	"handle_tx_net", "vhost_net_handle_tx", "vhost_net_handle_rx",
};

static bool is_worker_function(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(worker_functions) / sizeof(worker_functions[0]); i++)
		if (!strcmp(name, worker_functions[i]))
			return true;
	return false;
}

static FILE *out_file(const char *name, const char *mode)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", out, name);
	return fopen(path, mode);
}

static void read_marks(void)
{
	FILE *f = out_file("kallsyms", "r");
	char line[512], name[256];
	uint64_t addr;

	while (f && marks < MAX_MARKS && fgets(line, sizeof(line), f))
		if (sscanf(line, "%" SCNx64 " %*c %255s", &addr, name) == 2 &&
		    is_worker_function(name))
			mark[marks++] = addr;
	if (f)
		fclose(f);
}

/* Back in user space: it is clear now whose the blocks since the last time were. */
static void settle(void)
{
	struct block *b;

	while ((b = recent)) {
		recent = b->next_recent;
		b->count += b->recent;
		if (marked)
			b->worker += b->recent;
		b->recent = 0;
	}
	marked = false;
}

static void block_run(unsigned int vcpu, void *data)
{
	struct block *b = data;
	unsigned int i;

	(void)vcpu;
	if (!on)
		return;
	if (!(b->addr >> 63))
		settle();
	for (i = 0; i < marks && !marked; i++)
		marked = b->addr == mark[i];
	if (!b->recent++) {
		b->next_recent = recent;
		recent = b;
	}
}

static void dump(void)
{
	FILE *f = out_file("counts", "a");
	struct block *b;

	if (!f)
		return;
	fprintf(f, "run\n");
	for (b = blocks; b; b = b->next) {
		if (b->count)
			fprintf(f, "%" PRIx64 " %zu %" PRIu64 " %" PRIu64 "\n", b->addr, b->insns,
				b->count, b->worker);
		b->count = b->worker = 0;
	}
	fclose(f);
}

static void at_begin(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	if (!marks)
		read_marks();
	on = true;
}

static void at_end(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	settle();
	if (on)
		dump();
	on = false;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	struct block *b;

	(void)id;
	if (addr == begin || addr == end) {
		qemu_plugin_register_vcpu_tb_exec_cb(tb, addr == begin ? at_begin : at_end,
						     CB_NO_REGS, NULL);
		return;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return;
	b->addr = addr;
	b->insns = qemu_plugin_tb_n_insns(tb);
	b->next = blocks;
	blocks = b;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_run, CB_NO_REGS, b);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "begin=", 6))
			begin = strtoull(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "end=", 4))
			end = strtoull(argv[i] + 4, NULL, 0);
		else if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	}
	if (!begin || !end || !out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
