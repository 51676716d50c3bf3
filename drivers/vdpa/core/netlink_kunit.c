// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family over parents that no simulator is like: that do not answer,
 * that make unheard-of devices, that go in the middle of a command. Requests take
 * the way of those from user space, by a socket.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <uapi/linux/vdpa.h>

#include "parent_kunit.h"

#define ANSWER_SIZE	SZ_32K
/* Long enough for whoever is not kept waiting. */
#define SOON		(10 * HZ)

/**
 * struct client - who sends requests
 * @file: his socket
 * @sock: the same
 * @family: number of the family
 * @buf: the last message received
 * @count: answers to the last request, about what is the tests' own
 * @attr: attributes of the last answer, in @buf
 * @names: names of devices in the answers, one after another, a space behind each
 */
struct client {
	struct file *file;
	struct socket *sock;
	u16 family;
	u8 *buf;
	unsigned int count;
	struct nlattr *attr[VDPA_ATTR_MAX + 1];
	char names[128];
};

/**
 * struct fixture - what each case has
 * @a: a parent
 * @b: another
 * @client: who asks
 */
struct fixture {
	struct test_parent *a;
	struct test_parent *b;
	struct client client;
};

/* Of the tests' own parents, as far as an answer says: others may be there. */
static bool is_ours(struct nlattr **attr)
{
	const struct nlattr *mgmt = attr[VDPA_ATTR_MGMTDEV_DEV_NAME];

	return !mgmt || strstarts(nla_data(mgmt), "vdpatest");
}

static int take(struct client *c, int len)
{
	struct nlmsghdr *nlh = (void *)c->buf;

	for (; nlmsg_ok(nlh, len); nlh = nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)nlmsg_data(nlh))->error;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 0;
		nlmsg_parse_deprecated(nlh, GENL_HDRLEN, c->attr, VDPA_ATTR_MAX, NULL, NULL);
		if (!is_ours(c->attr))
			continue;
		c->count++;
		if (c->attr[VDPA_ATTR_DEV_NAME]) {
			strlcat(c->names, nla_data(c->attr[VDPA_ATTR_DEV_NAME]),
				sizeof(c->names));
			strlcat(c->names, " ", sizeof(c->names));
		}
	}
	return 1;
}

/* A request under construction: with the name of a device, if there is one. */
static struct sk_buff *request(struct client *c, u8 cmd, const char *name)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	struct genlmsghdr *genl;
	struct nlmsghdr *nlh;

	if (!skb)
		return NULL;
	nlh = nlmsg_put(skb, 0, 0, c->family, GENL_HDRLEN, NLM_F_REQUEST | NLM_F_ACK);
	genl = nlmsg_data(nlh);
	*genl = (struct genlmsghdr) { .cmd = cmd, .version = 1 };
	if (name)
		nla_put_string(skb, VDPA_ATTR_DEV_NAME, name);
	return skb;
}

/* Sends it and reads the answers: 0 or -errno, the kernel's. */
static int ask(struct client *c, struct sk_buff *skb, unsigned int flags)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	struct msghdr msg = { .msg_name = &addr, .msg_namelen = sizeof(addr) };
	struct kvec vec;
	int ret;

	if (!skb)
		return -ENOMEM;
	nlmsg_hdr(skb)->nlmsg_len = skb->len;
	nlmsg_hdr(skb)->nlmsg_flags |= flags;
	vec = (struct kvec) { .iov_base = skb->data, .iov_len = skb->len };
	c->count = 0;
	c->names[0] = '\0';
	ret = kernel_sendmsg(c->sock, &msg, &vec, 1, skb->len);
	nlmsg_free(skb);
	while (ret > 0) {
		msg = (struct msghdr) {};
		vec = (struct kvec) { .iov_base = c->buf, .iov_len = ANSWER_SIZE };
		ret = kernel_recvmsg(c->sock, &msg, &vec, 1, ANSWER_SIZE, MSG_DONTWAIT);
		if (ret > 0)
			ret = take(c, ret);
	}
	return ret;
}

static int show(struct client *c, u8 cmd, const char *name)
{
	return ask(c, request(c, cmd, name), 0);
}

static int list(struct client *c, u8 cmd)
{
	return ask(c, request(c, cmd, NULL), NLM_F_DUMP);
}

static int add(struct client *c, const char *mgmt, const char *name)
{
	struct sk_buff *skb = request(c, VDPA_CMD_DEV_NEW, name);

	if (skb)
		nla_put_string(skb, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt);
	return ask(c, skb, 0);
}

static int show_mgmt(struct client *c, const char *name)
{
	struct sk_buff *skb = request(c, VDPA_CMD_MGMTDEV_GET, NULL);

	if (skb)
		nla_put_string(skb, VDPA_ATTR_MGMTDEV_DEV_NAME, name);
	return ask(c, skb, 0);
}

static int client_init(struct client *c)
{
	struct sk_buff *skb;
	int err;

	c->buf = kmalloc(ANSWER_SIZE, GFP_KERNEL);
	if (!c->buf)
		return -ENOMEM;
	err = sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, &c->sock);
	if (err)
		return err;
	/* Its opener is asked for the capability. */
	c->file = sock_alloc_file(c->sock, 0, NULL);
	if (IS_ERR(c->file))
		return PTR_ERR(c->file);
	c->family = GENL_ID_CTRL;
	skb = request(c, CTRL_CMD_GETFAMILY, NULL);
	if (skb)
		nla_put_string(skb, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	err = ask(c, skb, 0);
	c->family = c->attr[CTRL_ATTR_FAMILY_ID] ? nla_get_u16(c->attr[CTRL_ATTR_FAMILY_ID]) : 0;
	return err;
}

static void client_exit(struct client *c)
{
	if (!IS_ERR_OR_NULL(c->file))
		__fput_sync(c->file);
	kfree(c->buf);
}

/**
 * struct helper - a thread that sends one request, or ends a parent
 * @client: his socket
 * @cmd: what he asks
 * @name: for which device
 * @mgmt: made by whom, for DEV_NEW
 * @ends: which parent he ends instead
 * @task: the thread
 * @done: he has the answer
 * @err: which
 */
struct helper {
	struct client client;
	u8 cmd;
	const char *name;
	const char *mgmt;
	struct test_parent *ends;
	struct task_struct *task;
	struct completion done;
	int err;
};

static int helper_fn(void *arg)
{
	struct helper *h = arg;

	allow_signal(SIGKILL);
	if (h->ends)
		test_parent_end(h->ends);
	else if (h->cmd == VDPA_CMD_DEV_NEW)
		h->err = add(&h->client, h->mgmt, h->name);
	else
		h->err = show(&h->client, h->cmd, h->name);
	complete(&h->done);
	return 0;
}

static struct helper *helper_start(struct kunit *test, u8 cmd, const char *name,
				   const char *mgmt, struct test_parent *ends)
{
	struct helper *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, h);
	h->cmd = cmd;
	h->name = name;
	h->mgmt = mgmt;
	h->ends = ends;
	init_completion(&h->done);
	KUNIT_ASSERT_EQ(test, client_init(&h->client), 0);
	h->task = kthread_create(helper_fn, h, "vdpa-test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h->task);
	get_task_struct(h->task);
	wake_up_process(h->task);
	return h;
}

static int helper_end(struct kunit *test, struct helper *h)
{
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&h->done, SOON), 0UL);
	kthread_stop(h->task);
	put_task_struct(h->task);
	client_exit(&h->client);
	return h->err;
}

/* Lists leave out what they cannot show, and go on behind it. */
static void fault_138_unsupported_kind_in_a_list(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k0"), 0);
	f->a->device_id = VIRTIO_ID_FS;
	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k1"), 0);
	f->a->device_id = VIRTIO_ID_NET;
	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k2"), 0);

	KUNIT_EXPECT_EQ(test, list(&f->client, VDPA_CMD_DEV_CONFIG_GET), 0);
	KUNIT_EXPECT_STREQ(test, f->client.names, "k0 k2 ");
	KUNIT_EXPECT_EQ(test, list(&f->client, VDPA_CMD_DEV_GET), 0);
	KUNIT_EXPECT_STREQ(test, f->client.names, "k0 k1 k2 ");
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_CONFIG_GET, "k1"), -EOPNOTSUPP);
}

/* A parent that does not answer keeps waiting only who asks for its own device. */
static void fault_090_device_that_does_not_answer(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct helper *stuck, *killed;

	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k0"), 0);
	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatestb", "k1"), 0);
	test_hold_next(&f->a->get_config);
	stuck = helper_start(test, VDPA_CMD_DEV_CONFIG_GET, "k0", NULL, NULL);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&f->a->get_config.there, SOON), 0UL);
	/* It waits for the one who is stuck, and that can be ended. */
	killed = helper_start(test, VDPA_CMD_DEV_DEL, "k0", NULL, NULL);
	wait_for_completion_timeout(&killed->done, HZ / 10);
	KUNIT_EXPECT_FALSE(test, completion_done(&killed->done));

	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_CONFIG_GET, "k1"), 0);
	KUNIT_EXPECT_EQ(test, list(&f->client, VDPA_CMD_MGMTDEV_GET), 0);
	KUNIT_EXPECT_EQ(test, f->client.count, 2U);
	KUNIT_EXPECT_EQ(test, list(&f->client, VDPA_CMD_DEV_GET), 0);
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_DEL, "k1"), 0);
	KUNIT_EXPECT_EQ(test, add(&f->client, "vdpatestb", "k1"), 0);

	complete(&f->a->get_config.go);
	KUNIT_EXPECT_EQ(test, helper_end(test, stuck), 0);
	KUNIT_EXPECT_EQ(test, helper_end(test, killed), 0);
}

static void fault_090_waits_are_killable(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct helper *stuck, *killed;

	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatestb", "k1"), 0);
	test_hold_next(&f->a->add);
	stuck = helper_start(test, VDPA_CMD_DEV_NEW, "k0", "vdpatesta", NULL);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&f->a->add.there, SOON), 0UL);
	killed = helper_start(test, VDPA_CMD_DEV_NEW, "k2", "vdpatesta", NULL);
	wait_for_completion_timeout(&killed->done, HZ / 10);
	KUNIT_EXPECT_FALSE(test, completion_done(&killed->done));
	send_sig(SIGKILL, killed->task, 1);
	/* Netlink does not answer the dead. */
	KUNIT_EXPECT_EQ(test, helper_end(test, killed), -EAGAIN);

	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_GET, "k1"), 0);
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_DEL, "k1"), 0);
	complete(&f->a->add.go);
	KUNIT_EXPECT_EQ(test, helper_end(test, stuck), 0);
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_GET, "k2"), -ENODEV);
}

/* A parent may go when nobody is in its code, and not before. */
static void fault_060_parent_goes_within_a_command(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct helper *stuck, *ends;

	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k0"), 0);
	test_hold_next(&f->a->get_config);
	stuck = helper_start(test, VDPA_CMD_DEV_CONFIG_GET, "k0", NULL, NULL);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&f->a->get_config.there, SOON), 0UL);
	ends = helper_start(test, 0, NULL, NULL, f->a);
	/* It is not to be had any more, but it is still there. */
	while (!show_mgmt(&f->client, "vdpatesta") && !completion_done(&ends->done))
		msleep(20);
	KUNIT_EXPECT_EQ(test, add(&f->client, "vdpatesta", "k2"), -ENODEV);
	wait_for_completion_timeout(&ends->done, HZ / 10);
	KUNIT_EXPECT_FALSE(test, completion_done(&ends->done));
	KUNIT_EXPECT_EQ(test, atomic_read(&f->a->freed), 0);
	KUNIT_EXPECT_EQ(test, list(&f->client, VDPA_CMD_MGMTDEV_GET), 0);
	KUNIT_EXPECT_EQ(test, f->client.count, 1U);

	complete(&f->a->get_config.go);
	KUNIT_EXPECT_EQ(test, helper_end(test, stuck), 0);
	helper_end(test, ends);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->a->freed), 1);
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_GET, "k0"), -ENODEV);
}

/* Looking at a configuration accepts no features, whoever looks. */
static void fault_132_config_leaves_features_alone(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nlattr **attr = f->client.attr;

	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k0"), 0);
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_CONFIG_GET, "k0"), 0);
	KUNIT_EXPECT_NULL(test, attr[VDPA_ATTR_DEV_NEGOTIATED_FEATURES]);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->a->set_features), 0);
	/* Until the driver says that it is done. */
	f->a->features = BIT_ULL(VIRTIO_F_VERSION_1);
	f->a->status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_CONFIG_GET, "k0"), 0);
	KUNIT_EXPECT_NULL(test, attr[VDPA_ATTR_DEV_NEGOTIATED_FEATURES]);
	f->a->status |= VIRTIO_CONFIG_S_FEATURES_OK;
	KUNIT_EXPECT_EQ(test, show(&f->client, VDPA_CMD_DEV_CONFIG_GET, "k0"), 0);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_NEGOTIATED_FEATURES]);
	KUNIT_EXPECT_EQ(test, nla_get_u64(attr[VDPA_ATTR_DEV_NEGOTIATED_FEATURES]),
			BIT_ULL(VIRTIO_F_VERSION_1));
	KUNIT_EXPECT_EQ(test, atomic_read(&f->a->set_features), 0);
}

static int test_vq_stat(struct vdpa_device *vdev, u16 index, unsigned int n, const char **name,
			u64 *value)
{
	static const char * const names[] = { "first", "second" };

	if (index == 2 || n >= ARRAY_SIZE(names))
		return -ENOENT;
	*name = names[n];
	*value = 100 * index + n;
	return 0;
}

static int vstats(struct client *c, const char *name, u32 index)
{
	struct sk_buff *skb = request(c, VDPA_CMD_DEV_VSTATS_GET, name);

	if (skb)
		nla_put_u32(skb, VDPA_ATTR_DEV_QUEUE_INDEX, index);
	return ask(c, skb, 0);
}

static void fault_140_statistics(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nlattr **attr = f->client.attr;
	struct virtio_net_config *config = (void *)f->a->config;

	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k0"), 0);
	f->a->status = VIRTIO_CONFIG_S_FEATURES_OK;
	KUNIT_EXPECT_EQ(test, vstats(&f->client, "k0", 0), -EOPNOTSUPP);
	f->a->ops.vq_stat = test_vq_stat;
	f->a->features = BIT_ULL(VIRTIO_NET_F_MQ);
	config->max_virtqueue_pairs = __cpu_to_virtio16(true, 7);
	KUNIT_ASSERT_EQ(test, vstats(&f->client, "k0", 1), 0);
	KUNIT_EXPECT_EQ(test, f->client.count, 1U);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_QUEUE_INDEX]);
	KUNIT_EXPECT_EQ(test, nla_get_u32(attr[VDPA_ATTR_DEV_QUEUE_INDEX]), 1U);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_NET_CFG_MAX_VQP]);
	KUNIT_EXPECT_EQ(test, nla_get_u16(attr[VDPA_ATTR_DEV_NET_CFG_MAX_VQP]), 7);
	/* Of several attributes of a type, the parser keeps the last. */
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_VENDOR_ATTR_NAME]);
	KUNIT_EXPECT_STREQ(test, (char *)nla_data(attr[VDPA_ATTR_DEV_VENDOR_ATTR_NAME]),
			   "second");
	KUNIT_EXPECT_EQ(test, nla_get_u64(attr[VDPA_ATTR_DEV_VENDOR_ATTR_VALUE]), 101ULL);
	/* Without the feature there is one pair, whatever the field says. */
	f->a->features = 0;
	KUNIT_ASSERT_EQ(test, vstats(&f->client, "k0", 1), 0);
	KUNIT_EXPECT_EQ(test, nla_get_u16(attr[VDPA_ATTR_DEV_NET_CFG_MAX_VQP]), 1);
	/* A queue that nothing is counted for, one that there is not, one of 16 bits. */
	KUNIT_EXPECT_EQ(test, vstats(&f->client, "k0", 2), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vstats(&f->client, "k0", 3), -ERANGE);
	KUNIT_EXPECT_EQ(test, vstats(&f->client, "k0", 65536), -ERANGE);
	f->a->status = 0;
	KUNIT_EXPECT_EQ(test, vstats(&f->client, "k0", 1), -EAGAIN);
}

/* The bits of a network device are not those of a disk. */
static void fault_139_features_of_which_kind(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct sk_buff *skb;

	f->a->ids[1] = VIRTIO_ID_BLOCK;
	skb = request(&f->client, VDPA_CMD_DEV_NEW, "k0");
	KUNIT_ASSERT_NOT_NULL(test, skb);
	nla_put_string(skb, VDPA_ATTR_MGMTDEV_DEV_NAME, "vdpatesta");
	nla_put_u64_64bit(skb, VDPA_ATTR_DEV_FEATURES, BIT_ULL(VIRTIO_BLK_F_RO), VDPA_ATTR_PAD);
	KUNIT_EXPECT_EQ(test, ask(&f->client, skb, 0), -EINVAL);
	/* Those of all devices are clear. */
	skb = request(&f->client, VDPA_CMD_DEV_NEW, "k0");
	KUNIT_ASSERT_NOT_NULL(test, skb);
	nla_put_string(skb, VDPA_ATTR_MGMTDEV_DEV_NAME, "vdpatesta");
	nla_put_u64_64bit(skb, VDPA_ATTR_DEV_FEATURES, BIT_ULL(VIRTIO_F_VERSION_1),
			  VDPA_ATTR_PAD);
	KUNIT_EXPECT_EQ(test, ask(&f->client, skb, 0), 0);
	KUNIT_EXPECT_EQ(test, f->a->last.set, (unsigned int)VDPA_CONFIG_FEATURES);
	KUNIT_EXPECT_EQ(test, f->a->last.features, BIT_ULL(VIRTIO_F_VERSION_1));
}

/* Numbers are little-endian in a configuration, and shown if there is a place for them. */
static void fault_141_block_configuration(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nlattr **attr = f->client.attr;
	struct virtio_blk_config *config = (void *)f->a->config;

	f->a->device_id = VIRTIO_ID_BLOCK;
	config->capacity = __cpu_to_virtio64(true, 0x123456789aULL);
	config->blk_size = __cpu_to_virtio32(true, 4096);
	config->num_queues = __cpu_to_virtio16(true, 3);
	KUNIT_ASSERT_EQ(test, add(&f->client, "vdpatesta", "k0"), 0);
	KUNIT_ASSERT_EQ(test, show(&f->client, VDPA_CMD_DEV_CONFIG_GET, "k0"), 0);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_BLK_CFG_CAPACITY]);
	KUNIT_EXPECT_EQ(test, nla_get_u64(attr[VDPA_ATTR_DEV_BLK_CFG_CAPACITY]), 0x123456789aULL);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE]);
	KUNIT_EXPECT_EQ(test, nla_get_u32(attr[VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE]), 4096U);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_BLK_CFG_NUM_QUEUES]);
	KUNIT_EXPECT_EQ(test, nla_get_u16(attr[VDPA_ATTR_DEV_BLK_CFG_NUM_QUEUES]), 3);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_BLK_FLUSH]);
	KUNIT_EXPECT_EQ(test, nla_get_u8(attr[VDPA_ATTR_DEV_BLK_FLUSH]), 1);
	KUNIT_ASSERT_NOT_NULL(test, attr[VDPA_ATTR_DEV_BLK_READ_ONLY]);
	KUNIT_EXPECT_EQ(test, nla_get_u8(attr[VDPA_ATTR_DEV_BLK_READ_ONLY]), 1);
}

static int fixture_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->a = test_parent_new(test, "vdpatesta");
	f->b = test_parent_new(test, "vdpatestb");
	KUNIT_ASSERT_EQ(test, client_init(&f->client), 0);
	return 0;
}

static void fixture_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f->a)
		test_parent_end(f->a);
	if (f->b)
		test_parent_end(f->b);
	client_exit(&f->client);
}

static struct kunit_case vdpa_netlink_cases[] = {
	KUNIT_CASE(fault_138_unsupported_kind_in_a_list),
	KUNIT_CASE(fault_090_device_that_does_not_answer),
	KUNIT_CASE(fault_090_waits_are_killable),
	KUNIT_CASE(fault_060_parent_goes_within_a_command),
	KUNIT_CASE(fault_132_config_leaves_features_alone),
	KUNIT_CASE(fault_140_statistics),
	KUNIT_CASE(fault_139_features_of_which_kind),
	KUNIT_CASE(fault_141_block_configuration),
	{}
};

static struct kunit_suite vdpa_netlink_suite = {
	.name = "vdpa-netlink",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = vdpa_netlink_cases,
};

kunit_test_suite(vdpa_netlink_suite);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_DESCRIPTION("Unit tests of the vDPA bus and its netlink family");
MODULE_IMPORT_NS("RINGSIDE");
