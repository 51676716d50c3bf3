// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libnet.h"
#include "libtime.h"

/* ---- links over rtnetlink ---- */

struct nl_req {
	struct nlmsghdr h;
	struct ifinfomsg i;
	char attrs[512];
};

static struct rtattr *nl_attr(struct nl_req *q, unsigned short type, const void *data,
			      size_t len)
{
	struct rtattr *a = (void *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	q->h.nlmsg_len = NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static void nl_nest_end(struct nl_req *q, struct rtattr *nest)
{
	nest->rta_len = (char *)q + q->h.nlmsg_len - (char *)nest;
}

static void nl_start(struct nl_req *q, unsigned short type, unsigned short flags)
{
	memset(q, 0, sizeof(*q));
	q->h.nlmsg_len = NLMSG_LENGTH(sizeof(q->i));
	q->h.nlmsg_type = type;
	q->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
}

static int nl_run(struct nl_req *q)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[512];
	} answer;
	int fd, ret = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (send(fd, q, q->h.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		ret = -errno;
	else if (answer.h.nlmsg_type == NLMSG_ERROR)
		ret = answer.e.error;
	close(fd);
	return ret;
}

static int veth_new(const char *a, const char *b)
{
	struct rtattr *info, *data, *peer;
	struct nl_req q;

	nl_start(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	nl_attr(&q, IFLA_IFNAME, a, strlen(a) + 1);
	info = nl_attr(&q, IFLA_LINKINFO, NULL, 0);
	nl_attr(&q, IFLA_INFO_KIND, "veth", 5);
	data = nl_attr(&q, IFLA_INFO_DATA, NULL, 0);
	peer = nl_attr(&q, VETH_INFO_PEER, NULL, 0);
	q.h.nlmsg_len += sizeof(struct ifinfomsg);
	nl_attr(&q, IFLA_IFNAME, b, strlen(b) + 1);
	nl_nest_end(&q, peer);
	nl_nest_end(&q, data);
	nl_nest_end(&q, info);
	return nl_run(&q);
}

static int macvtap_new(const char *name, const char *lower)
{
	uint32_t lower_index = if_nametoindex(lower);
	uint32_t mode = MACVLAN_MODE_PASSTHRU;
	struct rtattr *info, *data;
	struct nl_req q;

	nl_start(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	nl_attr(&q, IFLA_IFNAME, name, strlen(name) + 1);
	nl_attr(&q, IFLA_LINK, &lower_index, sizeof(lower_index));
	info = nl_attr(&q, IFLA_LINKINFO, NULL, 0);
	nl_attr(&q, IFLA_INFO_KIND, "macvtap", 8);
	data = nl_attr(&q, IFLA_INFO_DATA, NULL, 0);
	nl_attr(&q, IFLA_MACVLAN_MODE, &mode, sizeof(mode));
	nl_nest_end(&q, data);
	nl_nest_end(&q, info);
	return nl_run(&q);
}

static int link_flags(const char *name, unsigned int flags)
{
	struct nl_req q;

	nl_start(&q, RTM_NEWLINK, 0);
	q.i.ifi_index = if_nametoindex(name);
	q.i.ifi_flags = flags;
	q.i.ifi_change = IFF_UP;
	return nl_run(&q);
}

/* Without IPv6 the kernel does not talk on the interface by itself. */
static void quieten(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		perror(path);
	close(fd);
}

int net_link_up(const char *name)
{
	quieten(name);
	return link_flags(name, IFF_UP);
}

int net_link_down(const char *name)
{
	return link_flags(name, 0);
}

int net_link_mtu(const char *name, unsigned int mtu)
{
	struct nl_req q;
	uint32_t m = mtu;

	nl_start(&q, RTM_NEWLINK, 0);
	q.i.ifi_index = if_nametoindex(name);
	nl_attr(&q, IFLA_MTU, &m, sizeof(m));
	return nl_run(&q);
}

int net_link_del(const char *name)
{
	struct nl_req q;

	nl_start(&q, RTM_DELLINK, 0);
	q.i.ifi_index = if_nametoindex(name);
	return nl_run(&q);
}

static int port_add(const char *port, uint32_t bridge)
{
	struct nl_req q;

	nl_start(&q, RTM_NEWLINK, 0);
	q.i.ifi_index = if_nametoindex(port);
	nl_attr(&q, IFLA_MASTER, &bridge, sizeof(bridge));
	return nl_run(&q);
}

int net_bridge(const char *a, const char *b)
{
	static const char name[] = "rvbridge";
	struct rtattr *info;
	struct nl_req q;
	int ret;

	nl_start(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	nl_attr(&q, IFLA_IFNAME, name, sizeof(name));
	info = nl_attr(&q, IFLA_LINKINFO, NULL, 0);
	nl_attr(&q, IFLA_INFO_KIND, "bridge", 7);
	nl_nest_end(&q, info);
	ret = nl_run(&q);
	if (!ret)
		ret = net_link_up(name);
	if (!ret)
		ret = port_add(a, if_nametoindex(name));
	return ret ? ret : port_add(b, if_nametoindex(name));
}

static int ns_new(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return -errno;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	/* /sys shows the network namespace it was mounted in. */
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		return -errno;
	/* Some tests use them, where there are any. */
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("configfs", "/sys/kernel/config", "configfs", 0, NULL);
	return net_link_up("lo");
}

static unsigned int ns_interfaces(void)
{
	struct if_nameindex *list = if_nameindex();
	unsigned int n = 0;

	while (list && list[n].if_index)
		n++;
	if_freenameindex(list);
	return n;
}

/* Interfaces in the program's own namespace at its start, 0 without one. */
static unsigned int ns_at_start;

/*
 * A namespace costs more than many a test in it: the harness forks for each test, and
 * all that leave nothing behind share the one made before.
 */
static int ns_first = -1;

__attribute__((constructor)) static void ns_of_program(void)
{
	ns_first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!ns_new())
		ns_at_start = ns_interfaces();
}

int net_ns_first(void)
{
	return setns(ns_first, CLONE_NEWNET) ? -errno : 0;
}

int net_ns_enter(void)
{
	if (ns_at_start && ns_interfaces() == ns_at_start)
		return 0;
	return ns_new();
}

/* ---- backends ---- */

int net_tap_open(char name[IFNAMSIZ], unsigned int hdr_len)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd, ret, len = hdr_len;

	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (hdr_len)
		r.ifr_flags |= IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &r) || (hdr_len && ioctl(fd, TUNSETVNETHDRSZ, &len))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	memcpy(name, r.ifr_name, IFNAMSIZ);
	return fd;
}

static int packet_socket(const char *name, uint16_t ethertype)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd, ret, room = 4 << 20;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* The tap character device of a macvtap link; its number is only in /sys. */
static int macvtap_open(const char *name, unsigned int hdr_len)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	unsigned int major, minor;
	char path[128];
	FILE *f;
	int fd, ret, len = hdr_len;

	snprintf(path, sizeof(path), "/sys/class/net/%s/macvtap/tap%u/dev", name,
		 if_nametoindex(name));
	f = fopen(path, "re");
	if (!f)
		return -errno;
	ret = fscanf(f, "%u:%u", &major, &minor);
	fclose(f);
	if (ret != 2)
		return -EINVAL;
	snprintf(path, sizeof(path), "/dev/ringside-tap-%d-%u", getpid(), minor);
	if (mknod(path, S_IFCHR | 0600, makedev(major, minor)))
		return -errno;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ret = -errno;
	unlink(path);
	if (fd < 0)
		return ret;
	if (hdr_len)
		r.ifr_flags |= IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &r) || (hdr_len && ioctl(fd, TUNSETVNETHDRSZ, &len))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/*
 * A link drops what is sent until the kernel has noticed, some time after it was
 * brought up, that its other end is up too.
 */
static int wait_running(const char *name)
{
	uint64_t end = now_ms() + 10000;
	char path[128], state[32];
	FILE *f;

	/* The flag IFF_RUNNING will not do: "unknown" counts as running there. */
	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	do {
		f = fopen(path, "re");
		if (!f)
			return -errno;
		if (!fgets(state, sizeof(state), f))
			state[0] = '\0';
		fclose(f);
		/* Whoever sets it finishes the rest under the lock that this call takes. */
		if (!strcmp(state, "up\n"))
			return link_flags(name, IFF_UP);
		nap_us(1000);
	} while (now_ms() < end);
	return -ENETDOWN;
}

/* A veth pair NAME-NAMEp, both ends up. */
static int veth_pair(struct net_backend *b, const char *name)
{
	int ret;

	snprintf(b->name, sizeof(b->name), "%s", name);
	snprintf(b->peer_name, sizeof(b->peer_name), "%sp", name);
	ret = veth_new(b->name, b->peer_name);
	if (ret)
		return ret;
	ret = net_link_up(b->name);
	if (!ret)
		ret = net_link_up(b->peer_name);
	if (!ret)
		ret = wait_running(b->name);
	return ret ? ret : wait_running(b->peer_name);
}

static int macvtap_pair(struct net_backend *b, const char *name, unsigned int hdr_len)
{
	char lower[IFNAMSIZ];
	int ret = veth_pair(b, name);

	if (ret)
		return ret;
	snprintf(lower, sizeof(lower), "%s", b->name);
	snprintf(b->name, sizeof(b->name), "%.13sm", name);
	ret = macvtap_new(b->name, lower);
	if (!ret)
		ret = net_link_up(b->name);
	if (!ret)
		ret = wait_running(b->name);
	return ret ? ret : macvtap_open(b->name, hdr_len);
}

int net_backend_open(struct net_backend *b, enum net_kind kind, unsigned int hdr_len)
{
	static unsigned int serial;
	char name[IFNAMSIZ];
	int ret;

	memset(b, 0, sizeof(*b));
	b->kind = kind;
	b->fd = b->peer = -1;
	snprintf(name, sizeof(name), "rv%u", serial++);
	switch (kind) {
	case NET_TAP:
		ret = net_tap_open(b->name, hdr_len);
		if (ret >= 0) {
			b->fd = ret;
			ret = net_link_up(b->name);
		}
		memcpy(b->peer_name, b->name, IFNAMSIZ);
		break;
	case NET_MACVTAP:
		ret = b->fd = macvtap_pair(b, name, hdr_len);
		break;
	case NET_PACKET:
		ret = hdr_len ? -EINVAL : veth_pair(b, name);
		if (!ret)
			ret = b->fd = packet_socket(b->name, NET_ETHERTYPE);
		break;
	default:
		ret = -EINVAL;
	}
	if (ret >= 0)
		ret = b->peer = packet_socket(b->peer_name, NET_ETHERTYPE);
	if (ret >= 0)
		return 0;
	net_backend_close(b);
	return ret;
}

void net_backend_close(struct net_backend *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->peer >= 0)
		close(b->peer);
	if (b->kind != NET_TAP && if_nametoindex(b->peer_name))
		net_link_del(b->peer_name);
	b->fd = b->peer = -1;
}

int net_peer_send(struct net_backend *b, const void *frame, size_t len)
{
	ssize_t n = send(b->peer, frame, len, 0);

	return n < 0 ? -errno : (int)n;
}

int net_peer_recv(struct net_backend *b, void *frame, size_t room, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = b->peer, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, timeout_ms) == 0)
		return -ETIMEDOUT;
	n = recv(b->peer, frame, room, MSG_TRUNC);
	return n < 0 ? -errno : (int)n;
}

unsigned int net_peer_drain(struct net_backend *b)
{
	unsigned int n = 0;
	char c;

	/* An interface that went down leaves an error behind, ahead of the frames. */
	for (;;) {
		if (recv(b->peer, &c, 1, MSG_DONTWAIT) >= 0)
			n++;
		else if (errno == EAGAIN)
			return n;
	}
}

/* ---- frames ---- */

static unsigned char pattern(uint32_t seed, size_t i)
{
	uint32_t x = (seed + 1) * 2654435761u + (uint32_t)i * 40503u;

	return x >> 13 ^ x >> 24;
}

static void frame_header(unsigned char *h)
{
	static const unsigned char from[ETH_ALEN] = { 0x02, 'r', 'i', 'n', 'g', 1 };

	memset(h, 0xff, ETH_ALEN);
	memcpy(h + ETH_ALEN, from, ETH_ALEN);
	h[12] = NET_ETHERTYPE >> 8;
	h[13] = NET_ETHERTYPE & 0xff;
}

void net_frame_fill(void *frame, size_t len, uint32_t seed)
{
	unsigned char *p = frame;
	size_t i;

	frame_header(p);
	for (i = NET_ETH_HLEN; i < len; i++)
		p[i] = pattern(seed, i);
}

int net_frame_check(const void *frame, size_t len, uint32_t seed, size_t *at)
{
	const unsigned char *p = frame;
	unsigned char h[NET_ETH_HLEN];
	size_t i;

	frame_header(h);
	for (i = 0; i < len; i++)
		if (p[i] != (i < NET_ETH_HLEN ? h[i] : pattern(seed, i))) {
			if (at)
				*at = i;
			return -EBADMSG;
		}
	return 0;
}
