// What the clocks on the wall show in one place of the world.
#pragma once

#include <modelmesh/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::budget {

namespace detail {
struct zone_rules;
}

/// Cheap to copy: copies share what was read. Threads: any.
class time_zone {
public:
    time_zone() = default; ///< UTC

    /// @param name  of the IANA database ("Europe/Berlin"), as the machine has it: in the directory that TZDIR names,
    ///              else in /usr/share/zoneinfo; or "UTC", which "Etc/UTC" is another name of; or a fixed
    ///              offset, "+02:00". Case matters.
    /// Errors: config, what is wrong. Cost: reads a file.
    [[nodiscard]] static result<time_zone> find(std::string_view name);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] bool is_utc() const noexcept { return !rules_; }

    [[nodiscard]] std::chrono::local_seconds to_local(std::chrono::sys_seconds at) const noexcept;
    /// The first moment at which the clocks show this time; of a time that they skip, the moment at which they do.
    [[nodiscard]] std::chrono::sys_seconds to_sys(std::chrono::local_seconds shown) const noexcept;

private:
    [[nodiscard]] std::chrono::seconds offset(std::chrono::sys_seconds at) const noexcept;

    std::string name_{"UTC"};
    std::shared_ptr<const detail::zone_rules> rules_; ///< null: UTC
};

/// The names that find() knows, for messages. Cost: walks through the database.
[[nodiscard]] std::vector<std::string> time_zone_names();

} // namespace modelmesh::budget
