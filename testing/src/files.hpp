// Files that clients have uploaded, kept in memory.
#pragma once

#include "answer.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::testing::detail {

/// The latest files. Every function throws a refusal when the request is wrong or there is no such file.
class file_store {
public:
    std::string add(const recorded_request& request, const reply_context& context);
    /// @param query  of the target: purpose, limit, order, after
    std::string list(std::string_view query) const;
    std::string show(const std::string& id) const;
    const std::string& content(const std::string& id) const;
    std::string remove(const std::string& id);

private:
    struct entry {
        std::string id;
        std::string name;
        std::string purpose;
        std::string bytes;
        std::int64_t created = 0;
        std::optional<std::int64_t> expires{};
    };
    static boost::json::object object_of(const entry& file);
    std::deque<entry>::const_iterator find(const std::string& id) const;

    std::deque<entry> entries_; // oldest first
};

} // namespace modelmesh::testing::detail
