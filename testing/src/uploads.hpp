// Files that come in parts.
#pragma once

#include "answer.hpp"
#include "files.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace modelmesh::testing::detail {

/// The latest uploads. Every function throws a refusal when the request is wrong or there is no such upload.
class upload_store {
public:
    std::string create(const recorded_request& request, const reply_context& context);
    std::string add_part(const std::string& id, const recorded_request& request,
                         const reply_context& context);
    /// @param into  gets the file
    std::string complete(const std::string& id, const recorded_request& request, const reply_context& context,
                         file_store& into);
    std::string cancel(const std::string& id);

private:
    struct entry {
        std::string id;
        std::string name;
        std::string purpose;
        std::size_t size = 0;
        std::int64_t created = 0;
        std::string status = "pending";
        boost::json::value file; ///< null until it is complete
        std::map<std::string, std::string> parts{};
    };
    static boost::json::object object_of(const entry& upload);
    entry& find(const std::string& id);
    entry& find_pending(const std::string& id);

    std::deque<entry> entries_; // oldest first
};

} // namespace modelmesh::testing::detail
