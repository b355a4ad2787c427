// Whether a test left something open.
#pragma once

#include <dirent.h>

#include <cstddef>

namespace support {

/// Of this process.
inline std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr) ++count;
    ::closedir(folder);
    return count;
}

} // namespace support
