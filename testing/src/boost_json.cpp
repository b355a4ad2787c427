// The one translation unit that holds Boost.JSON's definitions: the simulator needs its headers only.
#include <boost/json/src.hpp>
