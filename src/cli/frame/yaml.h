/* cli/frame/yaml.h: a JSON value as YAML. */
#pragma once
#include <stdio.h>
#include "json/value.h"

void yaml_print(const struct json *v, FILE *to);
