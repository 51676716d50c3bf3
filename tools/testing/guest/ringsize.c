// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: resize the rings of a network device, as "ethtool -G" does.
 * virtio-net resets each queue for that, while the rest of the device goes on.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	struct ifreq request = { 0 };
	int fd;

	if (argc != 4) {
		fprintf(stderr, "Usage: ringsize DEVICE RX TX\n");
		return 2;
	}
	strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
	request.ifr_data = (char *)&ring;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request)) {
		fprintf(stderr, "ringsize: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	ring.cmd = ETHTOOL_SRINGPARAM;
	ring.rx_pending = atoi(argv[2]);
	ring.tx_pending = atoi(argv[3]);
	if (ioctl(fd, SIOCETHTOOL, &request)) {
		fprintf(stderr, "ringsize: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return 0;
}
