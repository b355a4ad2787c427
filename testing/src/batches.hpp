// Batches: files of requests, and files of their answers.
#pragma once

#include "answer.hpp"
#include "files.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace modelmesh::testing::detail {

/// What one request of a batch came to.
struct line_reply {
    int status = 200;
    std::string body;
};
/// Answers the body of a request to an endpoint.
using line_answerer = std::function<line_reply(const std::string& endpoint, const std::string& body)>;

/// The latest batches. One goes on a step each time it is asked for: validating, in progress, completed or
/// failed. Every function throws a refusal when the request is wrong or there is no such batch.
class batch_store {
public:
    std::string create(const recorded_request& request, const reply_context& context,
                       const file_store& files);
    std::string show(const std::string& id, const reply_context& context, file_store& files,
                     const line_answerer& answer);
    std::string cancel(const std::string& id);
    std::string list(const recorded_request& request) const;

private:
    struct entry {
        std::string id;
        std::string input;
        boost::json::object object;
    };
    entry& find(const std::string& id);
    static void start(entry& batch);
    static void finish(entry& batch, const reply_context& context, file_store& files,
                       const line_answerer& answer);

    std::deque<entry> entries_; // oldest first
};

} // namespace modelmesh::testing::detail
