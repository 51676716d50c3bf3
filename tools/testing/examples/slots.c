// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM in miniature that changes its guest's memory while a queue runs.
 *
 * There is no guest: this program is the VMM and the driver. It opens
 * /dev/vhost-net, has its transmit queue served by a packet socket on the
 * loopback interface, and sends frames from a window of memory that wanders
 * through the guest's address space. Each step takes the window away from where
 * it was and puts other memory where it goes, by one VHOST_UPDATE_MEM_REGIONS,
 * and unmaps the old memory at once. Run as root: slots [STEPS [OTHER-REGIONS]]
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define NUM		8
#define TX		1
#define FRAME		64
#define FIRST_GPA	0x100000000UL	/* of the other regions, two pages apart */
#define WINDOW_GPA	0x10000000UL
#define PLACES		16
#define PROTO		0x88b5		/* for experiments */

struct ring {
	struct vring_desc desc[NUM];
	struct vring_avail avail;
	__u16 heads[NUM + 1];
	struct vring_used used __attribute__((aligned(4)));
	struct vring_used_elem done[NUM + 1];
} __attribute__((aligned(16)));

static struct ring ring;
static int vhost, kick, peer;

static void call(unsigned long request, void *arg, const char *name)
{
	if (ioctl(vhost, request, arg))
		err(1, "%s", name);
}
#define CALL(request, arg) call(request, arg, #request)

static void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static int packet_socket(void)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(PROTO),
		.sll_ifindex = if_nametoindex("lo"),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(PROTO));

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "packet socket on lo");
	return fd;
}

/* Regions that nothing happens to: what a guest with many memslots has. */
static void set_table(unsigned int n)
{
	struct vhost_memory *table = calloc(1, sizeof(*table) + n * sizeof(table->regions[0]));
	char *memory = pages((n ?: 1) * PAGE);
	unsigned int i;

	if (!table)
		err(1, "table");
	table->nregions = n;
	for (i = 0; i < n; i++) {
		table->regions[i].guest_phys_addr = FIRST_GPA + 2 * i * PAGE;
		table->regions[i].memory_size = PAGE;
		table->regions[i].userspace_addr = (uintptr_t)memory + i * PAGE;
	}
	CALL(VHOST_SET_MEM_TABLE, table);
	free(table);
}

static void start_queue(void)
{
	__u64 features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VHOST_NET_F_VIRTIO_NET_HDR;
	struct vhost_vring_addr addr = {
		.index = TX,
		.desc_user_addr = (uintptr_t)ring.desc,
		.avail_user_addr = (uintptr_t)&ring.avail,
		.used_user_addr = (uintptr_t)&ring.used,
	};

	kick = eventfd(0, 0);
	CALL(VHOST_SET_FEATURES, &features);
	CALL(VHOST_SET_VRING_NUM, (&(struct vhost_vring_state){ TX, NUM }));
	CALL(VHOST_SET_VRING_BASE, (&(struct vhost_vring_state){ TX, 0 }));
	CALL(VHOST_SET_VRING_ADDR, &addr);
	CALL(VHOST_SET_VRING_KICK, (&(struct vhost_vring_file){ TX, kick }));
	CALL(VHOST_NET_SET_BACKEND, (&(struct vhost_vring_file){ TX, packet_socket() }));
}

/* One frame at guest address @gpa, out by the queue and in by a socket. */
static void send_frame(char *memory, __u64 gpa, unsigned int seed)
{
	const size_t header = sizeof(struct virtio_net_hdr_v1);
	__u16 idx = ring.avail.idx;
	struct pollfd p = { .fd = peer, .events = POLLIN };
	struct ether_header *eth = (void *)(memory + header);
	char got[FRAME];

	memset(memory, 0, header);
	memset(eth, seed, FRAME);
	eth->ether_type = htons(PROTO);
	ring.desc[idx % NUM] = (struct vring_desc){ .addr = gpa, .len = header + FRAME };
	ring.avail.ring[idx % NUM] = idx % NUM;
	__atomic_store_n(&ring.avail.idx, idx + 1, __ATOMIC_RELEASE);
	if (eventfd_write(kick, 1))
		err(1, "kick");
	if (poll(&p, 1, 5000) != 1 || recv(peer, got, sizeof(got), 0) != FRAME)
		errx(1, "the frame did not come");
	if (memcmp(got, eth, FRAME))
		errx(1, "another frame came");
	while (__atomic_load_n(&ring.used.idx, __ATOMIC_ACQUIRE) != (__u16)(idx + 1))
		usleep(100);
}

/* The window moves to @to; its first position has none to leave. */
static void move(struct vhost_memory_region *window, __u64 to)
{
	struct vhost_memory_region next = {
		.guest_phys_addr = to,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)pages(PAGE),
	};
	struct vhost_mem_update update = {
		.nremove = window->memory_size ? 1 : 0,
		.remove = (uintptr_t)window,
		.nadd = 1,
		.add = (uintptr_t)&next,
	};

	CALL(VHOST_UPDATE_MEM_REGIONS, &update);
	/* Nothing can reach it any more. */
	if (window->memory_size && munmap((void *)(uintptr_t)window->userspace_addr, PAGE))
		err(1, "munmap");
	*window = next;
}

int main(int argc, char **argv)
{
	unsigned int steps = argc > 1 ? atoi(argv[1]) : 1000, others = argc > 2 ? atoi(argv[2]) : 500;
	struct vhost_memory_region window = {};
	struct timespec a, b;
	double spent = 0;
	__u64 backend;
	unsigned int i;

	vhost = open("/dev/vhost-net", O_RDWR);
	if (vhost < 0)
		err(1, "/dev/vhost-net");
	CALL(VHOST_SET_OWNER, NULL);
	CALL(VHOST_GET_BACKEND_FEATURES, &backend);
	if (!(backend & 1ULL << VHOST_BACKEND_F_MEM_UPDATE))
		errx(1, "this vhost has no VHOST_UPDATE_MEM_REGIONS");
	peer = packet_socket();
	set_table(others);
	start_queue();
	for (i = 0; i < steps; i++) {
		__u64 gpa = WINDOW_GPA + i % PLACES * PAGE;

		clock_gettime(CLOCK_MONOTONIC, &a);
		move(&window, gpa);
		clock_gettime(CLOCK_MONOTONIC, &b);
		spent += (b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3;
		send_frame((void *)(uintptr_t)window.userspace_addr, gpa, i);
	}
	printf("%u steps among %u other regions, %u frames; %.1f us a step\n", steps, others, steps,
	       spent / (steps ?: 1));
	return 0;
}
