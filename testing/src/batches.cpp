#include "batches.hpp"

#include "paging.hpp"

#include <algorithm>
#include <vector>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t kept_batches = 100;
constexpr std::int64_t life = 24 * 3600; // seconds

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") != line.npos) out.push_back(line);
    }
    return out;
}

/// What is wrong with a request of a batch; empty: nothing.
std::string problem_of(std::string_view line, const json::value& endpoint) {
    boost::system::error_code ec;
    const json::value request = json::parse(json::string_view(line.data(), line.size()), ec);
    if (ec || !request.is_object()) return "This line is not parseable as valid JSON.";
    const json::object& members = request.get_object();
    const auto is = [&](std::string_view name, const json::value& value) {
        const json::value* member = members.if_contains(json::string_view(name.data(), name.size()));
        return member != nullptr && *member == value;
    };
    if (!members.contains("custom_id")) return "Missing required parameter: 'custom_id'.";
    if (!is("method", "POST")) return "Invalid 'method': expected 'POST'.";
    if (!is("url", endpoint)) return "Invalid 'url': expected the endpoint of the batch.";
    const json::value* body = members.if_contains("body");
    return body != nullptr && body->is_object() ? "" : "Missing required parameter: 'body'.";
}

} // namespace

std::string batch_store::create(const recorded_request& request, const reply_context& context,
                                const file_store& files) {
    const fields in(request.body);
    entry added;
    const std::string file = in.need_text("input_file_id");
    added.input = files.content(file);
    in.need("endpoint");
    const std::string endpoint =
        *in.word("endpoint", {"/v1/responses", "/v1/chat/completions", "/v1/embeddings", "/v1/completions",
                              "/v1/moderations"});
    in.need("completion_window");
    const std::string window = *in.word("completion_window", {"24h"});
    added.id = numbered("batch_" + context.name + "_", context.serial);
    const std::int64_t now = seconds_now();
    added.object = {{"id", added.id},
                    {"object", "batch"},
                    {"endpoint", endpoint},
                    {"errors", nullptr},
                    {"input_file_id", file},
                    {"completion_window", window},
                    {"status", "validating"},
                    {"output_file_id", nullptr},
                    {"error_file_id", nullptr},
                    {"created_at", now},
                    {"in_progress_at", nullptr},
                    {"expires_at", now + life},
                    {"finalizing_at", nullptr},
                    {"completed_at", nullptr},
                    {"failed_at", nullptr},
                    {"expired_at", nullptr},
                    {"cancelling_at", nullptr},
                    {"cancelled_at", nullptr},
                    {"request_counts", {{"total", 0}, {"completed", 0}, {"failed", 0}}},
                    {"metadata", nullptr}};
    if (const json::value* metadata = in.find("metadata")) added.object["metadata"] = *metadata;
    if (entries_.size() == kept_batches) entries_.pop_front();
    entries_.push_back(std::move(added));
    return json::serialize(entries_.back().object);
}

batch_store::entry& batch_store::find(const std::string& id) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const entry& one) { return one.id == id; });
    if (found == entries_.end())
        throw refusal(404, {"No batch found with id '" + id + "'.", "invalid_request_error", std::nullopt,
                            std::nullopt});
    return *found;
}

void batch_store::start(entry& batch) {
    json::array errors;
    std::int64_t number = 0;
    for (const std::string_view line : lines_of(batch.input)) {
        ++number;
        const std::string problem = problem_of(line, batch.object["endpoint"]);
        if (!problem.empty())
            errors.push_back(json::object{
                {"code", "invalid_request"}, {"message", problem}, {"param", nullptr}, {"line", number}});
    }
    if (number == 0)
        errors.push_back(json::object{{"code", "empty_file"},
                                      {"message", "The batch input file is empty."},
                                      {"param", nullptr},
                                      {"line", nullptr}});
    const bool is_wrong = !errors.empty();
    batch.object["status"] = is_wrong ? "failed" : "in_progress";
    batch.object[is_wrong ? "failed_at" : "in_progress_at"] = seconds_now();
    batch.object["request_counts"].as_object()["total"] = number;
    if (is_wrong) batch.object["errors"] = json::object{{"object", "list"}, {"data", std::move(errors)}};
}

void batch_store::finish(entry& batch, const reply_context& context, file_store& files,
                         const line_answerer& answer) {
    const std::string endpoint(batch.object["endpoint"].as_string());
    std::string answers, failures;
    std::int64_t number = 0, failed = 0;
    for (const std::string_view line : lines_of(batch.input)) {
        const json::value request = json::parse(json::string_view(line.data(), line.size()));
        const line_reply said = answer(endpoint, json::serialize(request.at("body")));
        const bool is_answer = said.status == 200;
        const std::string place = batch.id + "_" + std::to_string(++number);
        failed += is_answer ? 0 : 1;
        (is_answer ? answers : failures) +=
            json::serialize(json::object{{"id", "batch_req_" + place},
                                         {"custom_id", request.at("custom_id")},
                                         {"response", json::object{{"status_code", said.status},
                                                                   {"request_id", "req_" + place},
                                                                   {"body", json::parse(said.body)}}},
                                         {"error", nullptr}}) +
            "\n";
    }
    const auto keep = [&](const char* member, const std::string& kind, std::string bytes) {
        if (bytes.empty()) return;
        const std::string id = numbered("file-" + context.name + "-" + kind + "-", context.serial);
        files.keep(id, batch.id + "_" + kind + ".jsonl", "batch_output", std::move(bytes));
        batch.object[member] = id;
    };
    keep("output_file_id", "output", std::move(answers));
    keep("error_file_id", "error", std::move(failures));
    batch.object["status"] = "completed";
    batch.object["finalizing_at"] = batch.object["completed_at"] = seconds_now();
    batch.object["request_counts"] =
        json::object{{"total", number}, {"completed", number - failed}, {"failed", failed}};
}

std::string batch_store::show(const std::string& id, const reply_context& context, file_store& files,
                              const line_answerer& answer) {
    entry& found = find(id);
    const json::value status = found.object["status"];
    if (status == "validating") start(found);
    if (status == "in_progress") finish(found, context, files, answer);
    return json::serialize(found.object);
}

std::string batch_store::cancel(const std::string& id) {
    entry& found = find(id);
    const json::value status = found.object["status"];
    if (status != "validating" && status != "in_progress")
        throw refusal(409, {"Cannot cancel a batch with status '" + std::string(status.as_string()) + "'.",
                            "invalid_request_error", std::nullopt, std::nullopt});
    found.object["status"] = "cancelled";
    found.object["cancelling_at"] = found.object["cancelled_at"] = seconds_now();
    return json::serialize(found.object);
}

std::string batch_store::list(const recorded_request& request) const {
    std::vector<json::object> all;
    for (auto one = entries_.rbegin(); one != entries_.rend(); ++one) all.push_back(one->object);
    return json::serialize(page_of(std::move(all), query_of(request), page_limits()));
}

} // namespace modelmesh::testing::detail
