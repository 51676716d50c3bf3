// SPDX-License-Identifier: GPL-2.0-only
/* Modules: there when they are needed, with the parameters that are wanted. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvdpa.h"

/* Has it been loaded, and is it done with that? One that is built in has no state. */
static bool module_live(const char *module)
{
	char path[128], state[8] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", module);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(state, sizeof(state), f))
		state[0] = '\0';
	fclose(f);
	return !strcmp(state, "live\n");
}

/* A process takes longer than most tests: there is one only if something is missing. */
int modules_load(const char *names)
{
	char name[64], command[256];
	const char *at = names;
	int len;

	while (sscanf(at, " %63s%n", name, &len) == 1 && module_live(name))
		at += len;
	if (!at[strspn(at, " ")])
		return 0;
	snprintf(command, sizeof(command), "modprobe -aq %s", names);
	return system(command) ? -ENOENT : 0;
}

int module_unload(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "/sys/module/%s", name);
	if (access(text, F_OK))
		return 0;
	snprintf(text, sizeof(text), "modprobe -rq %s", name);
	return system(text) ? -EBUSY : 0;
}

/* What a parameter that nobody gives is, as sysfs shows it. */
static const struct module_param {
	const char *module, *name, *value;
} module_params[] = {
	{ "vdpa_sim", "use_va", "Y" },
	{ "vdpa_sim", "batch_mapping", "1" },
	{ "vdpa_sim", "max_iotlb_entries", "2048" },
	{ "vhost_vdpa", "max_iotlb_entries", "65536" },
};

/* Is the parameter what a list of NAME=VALUE wants it to be? */
static bool param_is(const struct module_param *p, const char *wanted)
{
	char path[128], value[32] = "", want[32];
	size_t len = strlen(p->name);
	FILE *f;

	snprintf(want, sizeof(want), "%s", p->value);
	for (; wanted; wanted = strchr(wanted, ' ')) {
		wanted += strspn(wanted, " ");
		if (!strncmp(wanted, p->name, len) && wanted[len] == '=')
			snprintf(want, sizeof(want), "%.*s", (int)strcspn(wanted + len + 1, " "),
				 wanted + len + 1);
	}
	/* Switches are given as numbers and shown as letters. */
	if (*p->value == 'Y' || *p->value == 'N')
		*want = *want == '1' || *want == 'Y' ? 'Y' : 'N';
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", p->module, p->name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(value, sizeof(value), f))
		value[strcspn(value, "\n")] = '\0';
	fclose(f);
	return !strcmp(value, want);
}

int vdpa_reload(const char *sim, const char *vhost_vdpa)
{
	char command[256];
	unsigned int i;

	/* Loading takes longer than most tests: only if something is to be different. */
	for (i = 0; i < sizeof(module_params) / sizeof(*module_params); i++)
		if (!param_is(&module_params[i], strcmp(module_params[i].module, "vdpa_sim") ?
			      vhost_vdpa : sim))
			break;
	if (i == sizeof(module_params) / sizeof(*module_params))
		return 0;
	if (system("modprobe -qr vdpa_sim_net vdpa_sim_blk vdpa_sim vhost_vdpa 2>/dev/null") &&
	    !access("/sys/module/vdpa_sim", F_OK))
		return -EBUSY;
	snprintf(command, sizeof(command), "modprobe -q vdpa_sim %s && modprobe -q vhost_vdpa %s",
		 sim, vhost_vdpa);
	return system(command) ? -ENOENT : 0;
}
