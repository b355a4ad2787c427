// Files that clients have uploaded, kept in memory.
#pragma once

#include "answer.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace modelmesh::testing::detail {

/// The latest files. Every function throws a refusal when the request is wrong or there is no such file.
class file_store {
public:
    std::string add(const recorded_request& request, const reply_context& context);
    /// Keeps what was not uploaded as a whole. Returns its object.
    boost::json::object keep(std::string id, std::string name, std::string purpose, std::string bytes);
    std::string list(const recorded_request& request) const;
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
    boost::json::object keep(entry added);
    std::deque<entry>::const_iterator find(const std::string& id) const;

    std::deque<entry> entries_; // oldest first
};

} // namespace modelmesh::testing::detail
