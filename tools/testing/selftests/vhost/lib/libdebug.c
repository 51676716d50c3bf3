// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libdebug.h"
#include "libtime.h"
#include "libvmm.h"

int debug_dir(const char *device, char *path, size_t room)
{
	char pattern[128];
	glob_t found;
	int ret = -ENOENT;

	snprintf(pattern, sizeof(pattern), DEBUG_PATH "/%s", device);
	if (access(pattern, F_OK))
		snprintf(pattern, sizeof(pattern), DEBUG_PATH "/%s-%d-*", device, getpid());
	if (glob(pattern, 0, NULL, &found))
		return ret;
	if (found.gl_pathc > 1)
		ret = -EMLINK;
	else if ((size_t)snprintf(path, room, "%s", found.gl_pathv[0]) < room)
		ret = 0;
	globfree(&found);
	return ret;
}

int debug_text(const char *device, const char *file, const char *name, char *text,
	       size_t room)
{
	char dir[256], path[300], line[512];
	int ret = debug_dir(device, dir, sizeof(dir));
	size_t len = strlen(name);
	FILE *f;

	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	ret = -ENODATA;
	while (ret && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, room, "%s", line + len + 1 + (line[len + 1] == ' '));
		ret = 0;
	}
	fclose(f);
	return ret;
}

long long debug_value(const char *device, const char *file, const char *name)
{
	char text[128], *end;
	int ret = debug_text(device, file, name, text, sizeof(text));
	long long value;

	if (ret)
		return ret;
	value = strtoll(text, &end, 0);
	return end == text ? -EINVAL : value;
}

long long debug_wait(const char *device, const char *file, const char *name, long long want)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;
	long long value;

	while ((value = debug_value(device, file, name)) != want && now_ms() < end)
		nap_us(1000);
	return value;
}

bool debug_says(const char *device, const char *file, const char *name, const char *begin)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;
	char text[256];
	int ret;

	do {
		ret = debug_text(device, file, name, text, sizeof(text));
		if (!ret && !strncmp(text, begin, strlen(begin)))
			return true;
		nap_us(1000);
	} while (now_ms() < end);
	printf("# %s of %s: \"%s\", error %d\n", name, file, ret ? "" : text, ret);
	return false;
}
