#include "client/net_transport.hpp"
