// Jobs that tune models. Nothing is tuned: a job goes through its states.
#pragma once

#include "answer.hpp"
#include "files.hpp"

#include <modelmesh/testing/simulator.hpp>

#include <deque>
#include <string>
#include <string_view>

namespace modelmesh::testing::detail {

/// The latest jobs. One goes on a step each time it is asked for, unless it is paused: validating its files,
/// queued, running, succeeded. Every function throws a refusal when the request is wrong or there is no such
/// job.
class job_store {
public:
    std::string create(const recorded_request& request, const reply_context& context,
                       const file_store& files);
    std::string show(const std::string& id);
    std::string cancel(const std::string& id);
    std::string pause(const std::string& id);
    std::string resume(const std::string& id);
    std::string list(const recorded_request& request) const;
    std::string events(const std::string& id, const recorded_request& request) const;
    std::string checkpoints(const std::string& id, const recorded_request& request) const;
    /// What the jobs have made, the oldest first.
    const std::deque<std::string>& models() const { return models_; }
    /// False: none of them has this name.
    bool remove_model(const std::string& name);

private:
    struct entry {
        std::string id;
        boost::json::object object;
        std::deque<boost::json::object> events{}; ///< newest first
    };
    const entry& find(const std::string& id) const;
    entry& find(const std::string& id);
    void enter(entry& job, std::string_view status);

    std::deque<entry> entries_; // oldest first
    std::deque<std::string> models_;
};

} // namespace modelmesh::testing::detail
