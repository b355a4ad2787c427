// Everything a program that uses models needs.
#pragma once

#include <modelmesh/client.hpp>
#include <modelmesh/config/load.hpp>
#include <modelmesh/core/engine.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/router/capability.hpp>
