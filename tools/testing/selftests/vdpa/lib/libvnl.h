/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family "vdpa": requests, answers and lists, on a plain socket. */
#ifndef RINGSIDE_LIBVNL_H
#define RINGSIDE_LIBVNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/vdpa.h>

/* A connection. extack holds the kernel's words about the last failure, "" for none. */
struct vnl {
	int fd;
	uint16_t family;
	uint32_t seq;
	unsigned int reads;	/* that the last answer took */
	char extack[256];
};

/* A request under construction. */
struct vnl_req {
	union {
		struct nlmsghdr header;
		unsigned char bytes[2048];
	};
};

/* An answer. Attributes that came several times: the first; see vnl_next(). */
struct vnl_answer {
	uint8_t cmd;
	const struct nlattr *attr[VDPA_ATTR_MAX + 1];
	const struct nlattr *first;
	size_t len;
};

/* Called for each answer. */
typedef void (*vnl_fn)(const struct vnl_answer *answer, void *arg);

/* 0 or -errno; -ENOENT when there is no such family, even after loading vdpa. */
int vnl_open(struct vnl *nl);
void vnl_close(struct vnl *nl);

/* flags: those beside NLM_F_REQUEST; NLM_F_DUMP asks for a list. */
void vnl_begin(struct vnl_req *req, uint8_t cmd, unsigned int flags);
void vnl_put(struct vnl_req *req, unsigned int type, const void *data, size_t len);
void vnl_put_str(struct vnl_req *req, unsigned int type, const char *s);
void vnl_put_u16(struct vnl_req *req, unsigned int type, uint16_t value);
void vnl_put_u32(struct vnl_req *req, unsigned int type, uint32_t value);
void vnl_put_u64(struct vnl_req *req, unsigned int type, uint64_t value);

/*
 * Sends the request and reads all there is to it: 0 or -errno; -EAGAIN if the kernel
 * does not answer. fn may be NULL.
 */
int vnl_do(struct vnl *nl, struct vnl_req *req, vnl_fn fn, void *arg);
/* The same for bytes that may be anything; the caller set the sequence number. */
int vnl_raw(struct vnl *nl, const void *bytes, size_t len);

/* Values of an answer; 0 and "" when the attribute is not there. */
bool vnl_has(const struct vnl_answer *answer, unsigned int type);
uint64_t vnl_num(const struct vnl_answer *answer, unsigned int type);
const char *vnl_str(const struct vnl_answer *answer, unsigned int type);
const struct nlattr *vnl_next(const struct vnl_answer *answer, const struct nlattr *attr);

/* Common requests, each 0 or -errno. */
int vnl_dev_new(struct vnl *nl, const char *mgmt, const char *name);
int vnl_dev_del(struct vnl *nl, const char *name);
/* DEV_GET, DEV_CONFIG_GET of one device; MGMTDEV_GET of one management device. */
int vnl_get(struct vnl *nl, uint8_t cmd, const char *name, vnl_fn fn, void *arg);
int vnl_dump(struct vnl *nl, uint8_t cmd, vnl_fn fn, void *arg);

#endif
