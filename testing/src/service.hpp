// What the simulator answers to which request. Knows routes and the script; no sockets.
#pragma once

#include "batches.hpp"
#include "files.hpp"
#include "fine_tuning.hpp"
#include "reply.hpp"
#include "responses.hpp"
#include "script.hpp"
#include "uploads.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::testing::detail {

/// A reply and the rule that says how it is sent.
struct planned_reply {
    reply content;
    rule how;
};

/// Threads: respond() and refuse() on the server's thread; requests() on any.
class service {
public:
    explicit service(const simulator_options& settings);

    /// Records the request and chooses its reply.
    planned_reply respond(recorded_request request, bool keep_alive);
    /// The reply to bytes that are no HTTP request; the connection ends after it.
    planned_reply refuse(int status, const std::string& problem);

    std::vector<recorded_request> requests() const;

private:
    /// One request on its way through its route.
    struct call {
        const recorded_request& request;
        reply_context context;
        std::string id; ///< what stood at the place of {id} or {rest}
    };
    using handler = planned_reply (service::*)(const call&);
    using reader = model_request (*)(const recorded_request&);
    using maker = std::string (*)(service&, const call&);

    /// One line of the table: a handler, the reader of a request that a model answers, or what makes the JSON of
    /// an answer.
    struct route {
        std::string_view method;
        std::string_view path; ///< {id} stands for one segment, {rest} for all that is left
        std::variant<handler, reader, maker> answer;
    };
    static const std::vector<route>& routes();

    planned_reply follow(const route& way, const call& what);
    /// @param path  as a rule names it
    planned_reply ask_model(const call& what, std::string_view path, const model_request& asked);
    planned_reply show_health(const call& what);
    planned_reply list_models(const call& what);
    planned_reply show_model(const call& what);
    planned_reply remove_model(const call& what);
    planned_reply show_image(const call& what);
    planned_reply create_response(const call& what);
    planned_reply show_response(const call& what);
    planned_reply send_file(const call& what);
    /// What a request of a batch is answered; no rule is for it.
    line_reply answer_line(const std::string& endpoint, const std::string& body);

    reply_context next_context(bool keep_alive);
    /// The configured ones, and those that jobs have made.
    std::vector<std::string> models() const;
    bool serves(const std::string& model) const;

    const simulator_options settings_;
    script script_;
    std::uint64_t serial_ = 0;
    response_store responses_;
    file_store files_;
    upload_store uploads_;
    batch_store batches_;
    job_store jobs_;
    mutable std::mutex mutex_; // guards recorded_, which the tests' threads read
    std::deque<recorded_request> recorded_;
};

} // namespace modelmesh::testing::detail
