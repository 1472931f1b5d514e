#ifndef LAZARET_CYAML_SHIM_H
#define LAZARET_CYAML_SHIM_H

#include <yaml.h>

#endif
