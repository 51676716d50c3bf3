// SPDX-License-Identifier: GPL-2.0-only
/* The fabric "vhost" of the target core: its directories in configfs, its callbacks. */

#include <linux/configfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include <scsi/scsi_proto.h>

#include "scsi.h"

/**
 * struct fabric_kind - one kind of names
 * @prefix: what they begin with
 * @skip: how much of that is not part of the name
 * @proto: SCSI_PROTOCOL_*
 */
struct fabric_kind {
	const char *prefix;
	unsigned int skip;
	u8 proto;
};

static const struct fabric_kind fabric_kinds[] = {
	{ "naa.", 0, SCSI_PROTOCOL_SAS },
	{ "fc.", 3, SCSI_PROTOCOL_FCP },
	{ "iqn.", 0, SCSI_PROTOCOL_ISCSI },
};

/* Returns the kind of a name, NULL if it is none. */
static const struct fabric_kind *fabric_kind(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fabric_kinds); i++)
		if (!strncmp(name, fabric_kinds[i].prefix, strlen(fabric_kinds[i].prefix)))
			return &fabric_kinds[i];
	return NULL;
}

static struct vhost_scsi_tpg *to_vhost_scsi_tpg(struct se_portal_group *se_tpg)
{
	return container_of(se_tpg, struct vhost_scsi_tpg, se_tpg);
}

/* ---- names of targets ---- */

static struct se_wwn *fabric_make_wwn(struct target_fabric_configfs *tf,
				      struct config_group *group, const char *name)
{
	const struct fabric_kind *kind = fabric_kind(name);
	struct vhost_scsi_wwn *wwn;

	if (!kind || strlen(name) >= sizeof(wwn->name))
		return ERR_PTR(-EINVAL);
	wwn = kzalloc_obj(*wwn);
	if (!wwn)
		return ERR_PTR(-ENOMEM);
	wwn->proto = kind->proto;
	strscpy(wwn->name, name + kind->skip, sizeof(wwn->name));
	return &wwn->wwn;
}

static void fabric_drop_wwn(struct se_wwn *wwn)
{
	kfree(container_of(wwn, struct vhost_scsi_wwn, wwn));
}

static ssize_t vhost_scsi_wwn_version_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "TCM_VHOST fabric module %s on %s/%s on %s\n", RINGSIDE_VERSION,
			  utsname()->sysname, utsname()->machine, utsname()->release);
}

CONFIGFS_ATTR_RO(vhost_scsi_wwn_, version);

static struct configfs_attribute *fabric_wwn_attrs[] = {
	&vhost_scsi_wwn_attr_version,
	NULL,
};

/* ---- attributes of portal groups ---- */

static ssize_t vhost_scsi_tpg_nexus_show(struct config_item *item, char *page)
{
	return vhost_scsi_show_nexus(to_vhost_scsi_tpg(to_tpg(item)), page);
}

/* The initiator has a name of the same kind as the target; "NULL" ends the nexus. */
static ssize_t vhost_scsi_tpg_nexus_store(struct config_item *item, const char *page,
					  size_t count)
{
	struct vhost_scsi_tpg *tpg = to_vhost_scsi_tpg(to_tpg(item));
	const struct fabric_kind *kind;
	char name[TRANSPORT_IQN_LEN];
	int err;

	if (!strncmp(page, "NULL", 4)) {
		err = vhost_scsi_drop_nexus(tpg);
		return err ?: count;
	}
	if (strscpy(name, page, sizeof(name)) < 0)
		return -EINVAL;
	kind = fabric_kind(strim(name));
	if (!kind || kind->proto != tpg->wwn->proto)
		return -EINVAL;
	err = vhost_scsi_make_nexus(tpg, strim(name) + kind->skip);
	return err ?: count;
}

CONFIGFS_ATTR(vhost_scsi_tpg_, nexus);

static struct configfs_attribute *fabric_tpg_attrs[] = {
	&vhost_scsi_tpg_attr_nexus,
	NULL,
};

static ssize_t vhost_scsi_tpg_attrib_fabric_prot_type_show(struct config_item *item, char *page)
{
	struct vhost_scsi_tpg *tpg = to_vhost_scsi_tpg(attrib_to_tpg(item));

	return sysfs_emit(page, "%d\n", READ_ONCE(tpg->prot_type));
}

static ssize_t vhost_scsi_tpg_attrib_fabric_prot_type_store(struct config_item *item,
							    const char *page, size_t count)
{
	struct vhost_scsi_tpg *tpg = to_vhost_scsi_tpg(attrib_to_tpg(item));
	unsigned long type;
	int err = kstrtoul(page, 0, &type);

	if (err)
		return err;
	if (type != TARGET_DIF_TYPE0_PROT && type != TARGET_DIF_TYPE1_PROT &&
	    type != TARGET_DIF_TYPE3_PROT)
		return -EINVAL;
	WRITE_ONCE(tpg->prot_type, type);
	return count;
}

CONFIGFS_ATTR(vhost_scsi_tpg_attrib_, fabric_prot_type);

static struct configfs_attribute *fabric_tpg_attrib_attrs[] = {
	&vhost_scsi_tpg_attrib_attr_fabric_prot_type,
	NULL,
};

/* ---- what the target core asks ---- */

static char *fabric_wwn(struct se_portal_group *se_tpg)
{
	return to_vhost_scsi_tpg(se_tpg)->wwn->name;
}

static u16 fabric_tag(struct se_portal_group *se_tpg)
{
	return to_vhost_scsi_tpg(se_tpg)->target;
}

static int fabric_prot_type(struct se_portal_group *se_tpg)
{
	return READ_ONCE(to_vhost_scsi_tpg(se_tpg)->prot_type);
}

/* Whoever has a nexus may use all LUNs, as if there were an ACL for it. */
static int fabric_demo_mode(struct se_portal_group *se_tpg)
{
	return 1;
}

static int fabric_not_protected(struct se_portal_group *se_tpg)
{
	return 0;
}

static u32 fabric_tpg_index(struct se_portal_group *se_tpg)
{
	return 1;
}

static u32 fabric_sess_index(struct se_session *sess)
{
	return 0;
}

static void fabric_acl_defaults(struct se_node_acl *acl)
{
}

static int fabric_cmd_state(struct se_cmd *se_cmd)
{
	return 0;
}

/* ---- the life of a command ---- */

/* The data to write is here already. */
static int fabric_write_pending(struct se_cmd *se_cmd)
{
	target_execute_cmd(se_cmd);
	return 0;
}

/* The data is where it is to be, and the status stays in @se_cmd until it is released. */
static int fabric_queue(struct se_cmd *se_cmd)
{
	return 0;
}

static int fabric_check_stop_free(struct se_cmd *se_cmd)
{
	return target_put_sess_cmd(se_cmd);
}

const struct target_core_fabric_ops vhost_scsi_fabric = {
	.module = THIS_MODULE,
	.fabric_name = "vhost",
	.max_data_sg_nents = VHOST_SCSI_MAX_SG,
	.tpg_get_wwn = fabric_wwn,
	.tpg_get_tag = fabric_tag,
	.tpg_check_demo_mode = fabric_demo_mode,
	.tpg_check_demo_mode_cache = fabric_demo_mode,
	.tpg_check_demo_mode_write_protect = fabric_not_protected,
	.tpg_check_prod_mode_write_protect = fabric_not_protected,
	.tpg_check_prot_fabric_only = fabric_prot_type,
	.tpg_get_inst_index = fabric_tpg_index,
	.check_stop_free = fabric_check_stop_free,
	.release_cmd = vhost_scsi_release_cmd,
	.sess_get_index = fabric_sess_index,
	.write_pending = fabric_write_pending,
	.set_default_node_attributes = fabric_acl_defaults,
	.get_cmd_state = fabric_cmd_state,
	.queue_data_in = fabric_queue,
	.queue_status = fabric_queue,
	.queue_tm_rsp = vhost_scsi_queue_tm_rsp,
	.aborted_task = vhost_scsi_aborted_task,
	.fabric_make_wwn = fabric_make_wwn,
	.fabric_drop_wwn = fabric_drop_wwn,
	.fabric_make_tpg = vhost_scsi_make_tpg,
	.fabric_drop_tpg = vhost_scsi_drop_tpg,
	.fabric_post_link = vhost_scsi_link,
	.fabric_pre_unlink = vhost_scsi_unlink,
	.tfc_wwn_attrs = fabric_wwn_attrs,
	.tfc_tpg_base_attrs = fabric_tpg_attrs,
	.tfc_tpg_attrib_attrs = fabric_tpg_attrib_attrs,
	COMPAT_TARGET_FABRIC_QUEUES,
};
