// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: frames to the interface's own address, over a device that loops them
 * back, for as long as it lives. Every byte that comes back is compared.
 *
 *	frames INTERFACE FILE
 *
 * FILE has one line at any time: frames sent, come back as they were, different, lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ETHERTYPE	0x88b5	/* for local experiments */
#define WINDOW		16	/* frames on their way at most */
#define PATIENCE	5	/* seconds until what did not come back is lost */

static uint64_t sent, good, bad, lost, next;
static int fd, stats;
static const char *interface;

static void note(void)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%-19llu %-19llu %-19llu %-19llu\n",
			   (unsigned long long)sent, (unsigned long long)good,
			   (unsigned long long)bad, (unsigned long long)lost);

	if (pwrite(stats, line, len, 0) != len)
		exit(1);
}

/* The frame of this number, as it is sent and has to come back. */
static size_t make(uint64_t number, const unsigned char *mac, unsigned char *frame)
{
	size_t len = 60 + number * 97 % 1441, at = ETH_HLEN + sizeof(number);
	uint64_t random = number * 0x9e3779b97f4a7c15 + 1;

	memcpy(frame, mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, mac, ETH_ALEN);
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	memcpy(frame + ETH_HLEN, &number, sizeof(number));
	for (; at < len; at++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		frame[at] = random;
	}
	return len;
}

static void send_one(const unsigned char *mac)
{
	unsigned char frame[ETH_FRAME_LEN];
	size_t len = make(sent, mac, frame);

	while (send(fd, frame, len, 0) < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != ENETDOWN)
			exit(1);
		usleep(1000);
	}
	sent++;
}

/* Wait for a frame; those before it that did not come never will. */
static void receive_one(void)
{
	unsigned char frame[ETH_FRAME_LEN], want[ETH_FRAME_LEN];
	ssize_t len = recv(fd, frame, sizeof(frame), 0);
	uint64_t number;

	if (len < 0) {
		lost += sent - next;
		next = sent;
		return;
	}
	if (len < ETH_HLEN + (ssize_t)sizeof(number)) {
		bad++;
		return;
	}
	memcpy(&number, frame + ETH_HLEN, sizeof(number));
	if (number < next)
		return;			/* once more, or given up too early */
	if (number >= sent || (size_t)len != make(number, frame, want) ||
	    memcmp(frame, want, len)) {
		bad++;
		return;
	}
	lost += number - next;
	next = number + 1;
	good++;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE) };
	struct timeval patience = { .tv_sec = PATIENCE };
	struct ifreq r = { 0 };

	if (argc != 3)
		return 2;
	interface = argv[1];
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE));
	to.sll_ifindex = if_nametoindex(interface);
	stats = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || stats < 0 || bind(fd, (void *)&to, sizeof(to)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return 1;
	for (;;) {
		/* It may be given another address meanwhile. */
		strncpy(r.ifr_name, interface, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCGIFHWADDR, &r))
			return 1;
		while (sent - next < WINDOW)
			send_one((unsigned char *)r.ifr_hwaddr.sa_data);
		receive_one();
		note();
	}
}
