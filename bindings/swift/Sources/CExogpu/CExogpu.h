#pragma once
#include <exogpu/exogpu.h>
