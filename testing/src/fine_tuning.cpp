#include "fine_tuning.hpp"

#include "paging.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t kept_jobs = 100;

std::string status_of(const json::object& job) { return std::string(job.at("status").as_string()); }

bool is_over(const std::string& status) {
    return status == "succeeded" || status == "failed" || status == "cancelled";
}

refusal wrong_state(const json::object& job, const std::string& wish) {
    return invalid("Cannot " + wish + " a job with status '" + status_of(job) + "'.");
}

} // namespace

std::string job_store::create(const recorded_request& request, const reply_context& context,
                              const file_store& files) {
    const fields in(request.body);
    entry added;
    added.id = numbered("ftjob-" + context.name + "-", context.serial);
    const std::string model = in.model();
    const std::string file = in.need_text("training_file");
    files.content(file); // there is one
    const auto seed = in.integer("seed", 0, std::numeric_limits<std::int32_t>::max());
    const auto given = [&](std::string_view name, json::value otherwise) {
        const json::value* value = in.find(name);
        return value != nullptr ? *value : std::move(otherwise);
    };
    added.object = {{"id", added.id},
                    {"object", "fine_tuning.job"},
                    {"created_at", seconds_now()},
                    {"error", nullptr},
                    {"fine_tuned_model", nullptr},
                    {"finished_at", nullptr},
                    {"hyperparameters", given("hyperparameters", json::object{{"n_epochs", "auto"}})},
                    {"model", model},
                    {"organization_id", "org-" + context.name},
                    {"result_files", json::array()},
                    {"status", "validating_files"},
                    {"trained_tokens", nullptr},
                    {"training_file", file},
                    {"validation_file", given("validation_file", nullptr)},
                    {"seed", seed.value_or(0)},
                    {"metadata", given("metadata", nullptr)}};
    enter(added, "validating_files");
    if (entries_.size() == kept_jobs) entries_.pop_front();
    entries_.push_back(std::move(added));
    return json::serialize(entries_.back().object);
}

const job_store::entry& job_store::find(const std::string& id) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const entry& one) { return one.id == id; });
    if (found == entries_.end())
        throw refusal(404, {"Could not find fine tune: " + id, "invalid_request_error", "fine_tuning_job_id",
                            "fine_tune_not_found"});
    return *found;
}

job_store::entry& job_store::find(const std::string& id) {
    return const_cast<entry&>(std::as_const(*this).find(id));
}

void job_store::enter(entry& job, std::string_view status) {
    job.object["status"] = status;
    const std::string number = std::to_string(job.events.size());
    job.events.push_front({{"object", "fine_tuning.job.event"},
                           {"id", "ftevent-" + job.id + "-" + number},
                           {"created_at", seconds_now()},
                           {"level", "info"},
                           {"message", "The job is now: " + std::string(status)},
                           {"type", "message"},
                           {"data", nullptr}});
    if (is_over(std::string(status))) job.object["finished_at"] = seconds_now();
    if (status != "succeeded") return;
    const std::string made = "ft:" + std::string(job.object["model"].as_string()) + ":" + job.id;
    job.object["fine_tuned_model"] = made;
    job.object["trained_tokens"] = 1000;
    if (models_.size() == kept_jobs) models_.pop_front();
    models_.push_back(made);
}

bool job_store::remove_model(const std::string& name) { return std::erase(models_, name) != 0; }

std::string job_store::show(const std::string& id) {
    constexpr std::string_view steps[] = {"validating_files", "queued", "running", "succeeded"};
    entry& found = find(id);
    const std::string_view* now = std::find(std::begin(steps), std::end(steps), status_of(found.object));
    if (now < std::end(steps) - 1) enter(found, now[1]);
    return json::serialize(found.object);
}

std::string job_store::cancel(const std::string& id) {
    entry& found = find(id);
    if (is_over(status_of(found.object))) throw wrong_state(found.object, "cancel");
    enter(found, "cancelled");
    return json::serialize(found.object);
}

std::string job_store::pause(const std::string& id) {
    entry& found = find(id);
    if (is_over(status_of(found.object))) throw wrong_state(found.object, "pause");
    enter(found, "paused");
    return json::serialize(found.object);
}

std::string job_store::resume(const std::string& id) {
    entry& found = find(id);
    if (status_of(found.object) != "paused") throw wrong_state(found.object, "resume");
    enter(found, "queued");
    return json::serialize(found.object);
}

std::string job_store::list(const recorded_request& request) const {
    std::vector<json::object> all;
    for (auto one = entries_.rbegin(); one != entries_.rend(); ++one) all.push_back(one->object);
    return json::serialize(page_of(std::move(all), query_of(request), page_limits()));
}

std::string job_store::events(const std::string& id, const recorded_request& request) const {
    const entry& found = find(id);
    return json::serialize(
        page_of({found.events.begin(), found.events.end()}, query_of(request), page_limits()));
}

std::string job_store::checkpoints(const std::string& id, const recorded_request& request) const {
    const entry& found = find(id);
    std::vector<json::object> all;
    if (status_of(found.object) == "succeeded")
        all.push_back({{"object", "fine_tuning.job.checkpoint"},
                       {"id", "ftckpt-" + id},
                       {"created_at", found.object.at("finished_at")},
                       {"fine_tuned_model_checkpoint", found.object.at("fine_tuned_model")},
                       {"fine_tuning_job_id", id},
                       {"metrics", {{"step", 1}, {"train_loss", 0.5}}},
                       {"step_number", 1}});
    return json::serialize(page_of(std::move(all), query_of(request), page_limits{10, 100}));
}

} // namespace modelmesh::testing::detail
