// SPDX-License-Identifier: GPL-2.0-only
#include "libvnl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD(attr)	((const void *)((const char *)(attr) + NLA_HDRLEN))
#define PAYLEN(attr)	((attr)->nla_len - NLA_HDRLEN)

/* The newer headers have them under these names too. */
#define ATTR_TYPE(attr)	((attr)->nla_type & NLA_TYPE_MASK)

static bool attr_ok(const struct nlattr *attr, size_t left)
{
	return left >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN && attr->nla_len <= left;
}

static const struct nlattr *attr_next(const struct nlattr *attr, size_t *left)
{
	size_t step = NLA_ALIGN(attr->nla_len);

	*left -= step < *left ? step : *left;
	return (const void *)((const char *)attr + step);
}

void vnl_begin(struct vnl_req *req, uint8_t cmd, unsigned int flags)
{
	struct genlmsghdr *genl = (void *)(req->bytes + NLMSG_HDRLEN);

	memset(req, 0, sizeof(*req));
	req->header.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	req->header.nlmsg_flags = NLM_F_REQUEST | flags;
	genl->cmd = cmd;
	genl->version = VDPA_GENL_VERSION;
}

void vnl_put(struct vnl_req *req, unsigned int type, const void *data, size_t len)
{
	struct nlattr *attr = (void *)(req->bytes + NLMSG_ALIGN(req->header.nlmsg_len));
	size_t end = NLMSG_ALIGN(req->header.nlmsg_len) + NLA_HDRLEN + NLA_ALIGN(len);

	if (end > sizeof(req->bytes)) {
		fprintf(stderr, "a request of more than %zu bytes\n", sizeof(req->bytes));
		abort();
	}
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	memcpy((char *)attr + NLA_HDRLEN, data, len);
	req->header.nlmsg_len = end;
}

void vnl_put_str(struct vnl_req *req, unsigned int type, const char *s)
{
	vnl_put(req, type, s, strlen(s) + 1);
}

void vnl_put_u16(struct vnl_req *req, unsigned int type, uint16_t value)
{
	vnl_put(req, type, &value, sizeof(value));
}

void vnl_put_u32(struct vnl_req *req, unsigned int type, uint32_t value)
{
	vnl_put(req, type, &value, sizeof(value));
}

void vnl_put_u64(struct vnl_req *req, unsigned int type, uint64_t value)
{
	vnl_put(req, type, &value, sizeof(value));
}

bool vnl_has(const struct vnl_answer *answer, unsigned int type)
{
	return answer->attr[type];
}

uint64_t vnl_num(const struct vnl_answer *answer, unsigned int type)
{
	const struct nlattr *attr = answer->attr[type];
	uint64_t value = 0;

	/* Whoever asks for a number knows that it is one; x86 is little-endian. */
	if (attr)
		memcpy(&value, PAYLOAD(attr), PAYLEN(attr) < 8 ? PAYLEN(attr) : 8);
	return value;
}

const char *vnl_str(const struct vnl_answer *answer, unsigned int type)
{
	return answer->attr[type] ? PAYLOAD(answer->attr[type]) : "";
}

const struct nlattr *vnl_next(const struct vnl_answer *answer, const struct nlattr *attr)
{
	size_t left = answer->len;

	if (!attr)
		return attr_ok(answer->first, left) ? answer->first : NULL;
	left -= (const char *)attr - (const char *)answer->first;
	attr = attr_next(attr, &left);
	return attr_ok(attr, left) ? attr : NULL;
}

static void parse(const struct nlmsghdr *header, struct vnl_answer *answer)
{
	const struct genlmsghdr *genl = NLMSG_DATA(header);
	const struct nlattr *attr = NULL;

	memset(answer, 0, sizeof(*answer));
	answer->cmd = genl->cmd;
	answer->first = (const void *)((const char *)genl + GENL_HDRLEN);
	answer->len = header->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN;
	while ((attr = vnl_next(answer, attr)))
		if (ATTR_TYPE(attr) <= VDPA_ATTR_MAX && !answer->attr[ATTR_TYPE(attr)])
			answer->attr[ATTR_TYPE(attr)] = attr;
}

/* The kernel's words behind an error. */
static void read_extack(struct vnl *nl, const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);
	const struct nlattr *attr;
	size_t offset = sizeof(*error), left;

	nl->extack[0] = '\0';
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		offset += NLMSG_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
	left = header->nlmsg_len - NLMSG_HDRLEN - offset;
	attr = (const void *)((const char *)error + offset);
	for (; attr_ok(attr, left); attr = attr_next(attr, &left))
		if (ATTR_TYPE(attr) == NLMSGERR_ATTR_MSG)
			snprintf(nl->extack, sizeof(nl->extack), "%s",
				 (const char *)PAYLOAD(attr));
}

/* One datagram's messages: 1 when there is more to come, 0 or -errno at the end. */
static int take(struct vnl *nl, const void *bytes, size_t len, uint32_t seq, vnl_fn fn, void *arg)
{
	const struct nlmsghdr *header = bytes;
	struct vnl_answer answer;
	int err;

	for (; NLMSG_OK(header, len); header = NLMSG_NEXT(header, len)) {
		if (header->nlmsg_seq != seq)
			continue;
		switch (header->nlmsg_type) {
		case NLMSG_ERROR:
			err = ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
			read_extack(nl, header);
			return err;
		case NLMSG_DONE:
			memcpy(&err, NLMSG_DATA(header), sizeof(err));
			return err < 0 ? err : 0;
		default:
			parse(header, &answer);
			if (fn)
				fn(&answer, arg);
		}
	}
	return 1;
}

static int answers(struct vnl *nl, uint32_t seq, vnl_fn fn, void *arg)
{
	/* The kernel makes parts of a list as large as its reader takes: small ones. */
	static __thread char bytes[4096];
	int ret;

	nl->extack[0] = '\0';
	nl->reads = 0;
	do {
		/* The kernel has answered when send() returns, if it ever does. */
		ssize_t len = recv(nl->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (len < 0)
			return -errno;
		nl->reads++;
		ret = take(nl, bytes, len, seq, fn, arg);
	} while (ret > 0);
	return ret;
}

int vnl_do(struct vnl *nl, struct vnl_req *req, vnl_fn fn, void *arg)
{
	req->header.nlmsg_type = nl->family;
	req->header.nlmsg_seq = ++nl->seq;
	if ((req->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		req->header.nlmsg_flags |= NLM_F_ACK;
	if (send(nl->fd, req->bytes, req->header.nlmsg_len, 0) < 0)
		return -errno;
	return answers(nl, nl->seq, fn, arg);
}

int vnl_raw(struct vnl *nl, const void *bytes, size_t len)
{
	if (send(nl->fd, bytes, len, 0) < 0)
		return -errno;
	return answers(nl, ((const struct nlmsghdr *)bytes)->nlmsg_seq, NULL, NULL);
}

static void note_family(const struct vnl_answer *answer, void *arg)
{
	*(uint16_t *)arg = vnl_num(answer, CTRL_ATTR_FAMILY_ID);
}

int vnl_open(struct vnl *nl)
{
	struct vnl_req req;
	uint16_t family = 0;
	int err, on = 1;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return -errno;
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	vnl_begin(&req, CTRL_CMD_GETFAMILY, 0);
	vnl_put_str(&req, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	nl->family = GENL_ID_CTRL;
	err = vnl_do(nl, &req, note_family, &family);
	if (err)
		vnl_close(nl);
	nl->family = family;
	return err;
}

void vnl_close(struct vnl *nl)
{
	close(nl->fd);
	nl->fd = -1;
}

int vnl_dev_new(struct vnl *nl, const char *mgmt, const char *name)
{
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, name);
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt);
	return vnl_do(nl, &req, NULL, NULL);
}

int vnl_dev_del(struct vnl *nl, const char *name)
{
	return vnl_get(nl, VDPA_CMD_DEV_DEL, name, NULL, NULL);
}

int vnl_get(struct vnl *nl, uint8_t cmd, const char *name, vnl_fn fn, void *arg)
{
	struct vnl_req req;

	vnl_begin(&req, cmd, 0);
	vnl_put_str(&req, cmd == VDPA_CMD_MGMTDEV_GET ? VDPA_ATTR_MGMTDEV_DEV_NAME :
							VDPA_ATTR_DEV_NAME, name);
	return vnl_do(nl, &req, fn, arg);
}

int vnl_dump(struct vnl *nl, uint8_t cmd, vnl_fn fn, void *arg)
{
	struct vnl_req req;

	vnl_begin(&req, cmd, NLM_F_DUMP);
	return vnl_do(nl, &req, fn, arg);
}
