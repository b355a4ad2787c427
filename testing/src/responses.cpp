#include "responses.hpp"

#include "completion.hpp"
#include "paging.hpp"

#include <algorithm>
#include <limits>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t kept_responses = 100;
constexpr std::int64_t fewest_output_tokens = 16;
constexpr std::uint64_t tokens_per_message = 3; // for the role and the separators, as in chat

/// Text of an item: a string, or the text parts of a list.
std::string text_of(const json::value& content) {
    if (content.is_string()) return std::string(content.get_string());
    std::string out;
    if (!content.is_array()) return out;
    for (const json::value& part : content.get_array()) {
        const json::value* text = part.is_object() ? part.get_object().if_contains("text") : nullptr;
        if (text != nullptr && text->is_string()) out += std::string_view(text->get_string());
    }
    return out;
}

refusal wrong_item(std::size_t index, const std::string& problem) {
    return invalid("Invalid 'input[" + std::to_string(index) + "]': " + problem + ".", "input",
                   "invalid_value");
}

/// An item counts with what it says: a message its text, a call its arguments, a tool its output.
void add_item(response_request& into, const json::value& item, std::size_t index) {
    if (!item.is_object()) throw wrong_item(index, "expected an object");
    const json::object& object = item.get_object();
    const json::value* type = object.if_contains("type");
    const json::value* role = object.if_contains("role");
    const bool is_message = type == nullptr || (type->is_string() && type->get_string() == "message");
    if (is_message && (role == nullptr || !role->is_string()))
        throw wrong_item(index, "a message has a role");
    if (type != nullptr && !type->is_string()) throw wrong_item(index, "the type is a string");
    for (const char* name : {"content", "arguments", "output"}) {
        const json::value* content = object.if_contains(name);
        if (content == nullptr) continue;
        const std::string text = text_of(*content);
        into.input_tokens += split_tokens(text).size();
        if (is_message && role->get_string() == "user") into.question = text;
    }
    into.input_tokens += tokens_per_message;
    into.items.push_back(object);
}

/// The events of a response once more, after the first ones.
class replayed_response final : public answer {
public:
    replayed_response(std::shared_ptr<const response_answer> made, std::size_t first, bool is_filled)
        : made_(std::move(made)), first_(first), is_filled_(is_filled) {}

    delivery form() const override { return delivery::events; }
    std::size_t event_count() const override { return made_->event_count() - first_; }
    stream_event event(std::size_t position) const override {
        stream_event out = made_->event(first_ + position);
        if (!is_filled_ || !out.name.ends_with(".delta")) return out;
        json::object filled = json::parse(out.data).get_object();
        const std::size_t size = filled["delta"].as_string().size();
        filled["obfuscation"] = std::string(filled_size - std::min(size, filled_size), '.');
        out.data = json::serialize(filled);
        return out;
    }
    bool ends_with_done() const override { return false; }

private:
    static constexpr std::size_t filled_size = 16; ///< of a delta together with what fills it up

    std::shared_ptr<const response_answer> made_;
    std::size_t first_;
    bool is_filled_;
};

} // namespace

response_request read_response_request(std::string_view body) {
    const fields in(body);
    response_request out;
    out.model = in.model();
    const json::value& input = in.need("input");
    if (input.is_string()) {
        out.question = input.get_string();
        out.input_tokens = split_tokens(out.question).size() + tokens_per_message;
        out.items.push_back(json::object{
            {"role", "user"},
            {"content", json::array{json::object{{"type", "input_text"}, {"text", out.question}}}}});
    } else if (input.is_array() && !input.get_array().empty()) {
        for (std::size_t i = 0; i < input.get_array().size(); ++i) add_item(out, input.get_array()[i], i);
    } else {
        throw invalid("Invalid 'input': expected a string, or a list of at least one item.", "input",
                      "invalid_type");
    }
    if (const auto instructions = in.text("instructions"))
        out.input_tokens += split_tokens(*instructions).size() + tokens_per_message;
    if (const auto limit =
            in.integer("max_output_tokens", fewest_output_tokens, std::numeric_limits<std::int32_t>::max()))
        out.limit = static_cast<std::uint64_t>(*limit);
    out.previous = in.text("previous_response_id");
    out.stream = in.flag("stream");
    out.background = in.flag("background");
    out.store = in.find("store") == nullptr || in.flag("store");
    if (out.background && !out.store)
        throw invalid("Background mode requires 'store' to be true.", "store", "invalid_value");

    const auto echo = [&](std::string_view name, json::value otherwise) {
        const json::value* given = in.find(name);
        out.echoed[name] = given != nullptr ? *given : std::move(otherwise);
    };
    echo("background", false);
    echo("instructions", nullptr);
    echo("max_output_tokens", nullptr);
    echo("max_tool_calls", nullptr);
    echo("parallel_tool_calls", true);
    echo("previous_response_id", nullptr);
    echo("reasoning", {{"effort", nullptr}, {"summary", nullptr}});
    echo("service_tier", "default");
    echo("store", true);
    echo("temperature", 1.0);
    echo("text", json::object{{"format", json::object{{"type", "text"}}}});
    echo("tool_choice", "auto");
    echo("tools", json::array());
    echo("top_logprobs", 0);
    echo("top_p", 1.0);
    echo("truncation", "disabled");
    echo("user", nullptr);
    echo("metadata", json::object());
    if (out.echoed["service_tier"] == "auto") out.echoed["service_tier"] = "default";
    return out;
}

response_answer::response_answer(const response_request& request, const rule& how,
                                 const reply_context& context)
    : request_(request), serial_(context.serial), id_(numbered("resp_" + context.name + "_", context.serial)),
      created_(seconds_now()), calls_(how.tool_calls) {
    generated_text said =
        generate_text(how, request_.question, context.name, request_.model, request_.limit, !calls_.empty());
    text_ = std::move(said.text);
    output_tokens_ = said.tokens.size();
    // The script names chat's finish reasons; these two are what the vendor calls incomplete.
    const std::string reason = how.finish_reason.value_or(said.limited ? "length" : "stop");
    if (reason == "length") incomplete_reason_ = "max_output_tokens";
    if (reason == "content_filter") incomplete_reason_ = reason;

    events_.push_back({kind::created});
    events_.push_back({kind::in_progress});
    if (has_message()) {
        events_.push_back({kind::item_added});
        events_.push_back({kind::part_added});
        for (std::string& token : said.tokens) events_.push_back({kind::text_delta, 0, std::move(token)});
        events_.push_back({kind::text_done});
        events_.push_back({kind::part_done});
        events_.push_back({kind::item_done});
    }
    for (std::size_t item = has_message() ? 1 : 0; item < item_count(); ++item) {
        events_.push_back({kind::item_added, item});
        std::vector<std::string> pieces = split_arguments(call_of(item).arguments);
        output_tokens_ += 1 + pieces.size();
        for (std::string& piece : pieces) events_.push_back({kind::arguments_delta, item, std::move(piece)});
        events_.push_back({kind::arguments_done, item});
        events_.push_back({kind::item_done, item});
    }
    events_.push_back({kind::finished});
}

std::string response_answer::item_id(std::size_t item) const {
    const bool is_message = has_message() && item == 0;
    return numbered(is_message ? "msg_" : "fc_", serial_) + "_" + std::to_string(item);
}

std::string response_answer::status(response_state state) const {
    switch (state) {
    case response_state::queued:
        return "queued";
    case response_state::in_progress:
        return "in_progress";
    case response_state::cancelled:
        return "cancelled";
    case response_state::finished:
        break;
    }
    return incomplete_reason_.empty() ? "completed" : "incomplete";
}

json::object response_answer::text_part(std::string_view text) const {
    return {
        {"type", "output_text"}, {"text", text}, {"annotations", json::array()}, {"logprobs", json::array()}};
}

json::object response_answer::item_object(std::size_t item, bool is_done) const {
    if (has_message() && item == 0) {
        json::array content;
        if (is_done) content.push_back(text_part(text_));
        return {{"id", item_id(item)},
                {"type", "message"},
                {"status", is_done ? status(response_state::finished) : "in_progress"},
                {"role", "assistant"},
                {"content", std::move(content)}};
    }
    const scripted_call& call = call_of(item);
    return {{"id", item_id(item)},
            {"type", "function_call"},
            {"status", is_done ? "completed" : "in_progress"},
            {"arguments", is_done ? call.arguments : std::string()},
            {"call_id", numbered("call_", serial_) + "_" + std::to_string(item)},
            {"name", call.name}};
}

json::object response_answer::object(response_state state) const {
    const bool is_finished = state == response_state::finished;
    json::object out{{"id", id_},
                     {"object", "response"},
                     {"created_at", created_},
                     {"status", status(state)},
                     {"completed_at", nullptr},
                     {"error", nullptr},
                     {"incomplete_details", nullptr},
                     {"model", request_.model}};
    if (is_finished && incomplete_reason_.empty()) out["completed_at"] = created_;
    if (is_finished && !incomplete_reason_.empty())
        out["incomplete_details"] = json::object{{"reason", incomplete_reason_}};
    json::array output;
    for (std::size_t item = 0; item < item_count() && is_finished; ++item)
        output.push_back(item_object(item, true));
    out["output"] = std::move(output);
    for (const auto& member : request_.echoed) out[member.key()] = member.value();
    out["usage"] = nullptr;
    if (is_finished)
        out["usage"] =
            json::object{{"input_tokens", request_.input_tokens},
                         {"input_tokens_details", {{"cached_tokens", 0}, {"cache_write_tokens", 0}}},
                         {"output_tokens", output_tokens_},
                         {"output_tokens_details", json::object{{"reasoning_tokens", 0}}},
                         {"total_tokens", request_.input_tokens + output_tokens_}};
    return out;
}

std::vector<json::object> response_answer::input_items() const {
    std::vector<json::object> out;
    for (const json::value& item : request_.items) {
        out.push_back(item.get_object());
        json::object& added = out.back();
        if (!added.contains("type")) added["type"] = "message";
        if (!added.contains("id"))
            added["id"] = numbered("msg_", serial_) + "_in_" + std::to_string(out.size() - 1);
    }
    return out;
}

std::string response_answer::body() const {
    return json::serialize(object(request_.background ? response_state::queued : response_state::finished));
}

stream_event response_answer::event(std::size_t position) const {
    const planned_event& planned = events_[position];
    json::object out{{"type", nullptr}, {"sequence_number", position}};
    std::string name;
    const auto place_part = [&] {
        out["item_id"] = item_id(planned.item);
        out["output_index"] = planned.item;
        out["content_index"] = 0;
    };
    const auto place_item = [&](bool is_done) {
        out["output_index"] = planned.item;
        out["item"] = item_object(planned.item, is_done);
    };
    switch (planned.what) {
    case kind::created:
        name = "response.created";
        out["response"] = object(response_state::in_progress);
        break;
    case kind::in_progress:
        name = "response.in_progress";
        out["response"] = object(response_state::in_progress);
        break;
    case kind::item_added:
        name = "response.output_item.added";
        place_item(false);
        break;
    case kind::part_added:
        name = "response.content_part.added";
        place_part();
        out["part"] = text_part("");
        break;
    case kind::text_delta:
        name = "response.output_text.delta";
        place_part();
        out["delta"] = planned.delta;
        out["logprobs"] = json::array();
        break;
    case kind::text_done:
        name = "response.output_text.done";
        place_part();
        out["text"] = text_;
        out["logprobs"] = json::array();
        break;
    case kind::part_done:
        name = "response.content_part.done";
        place_part();
        out["part"] = text_part(text_);
        break;
    case kind::arguments_delta:
        name = "response.function_call_arguments.delta";
        out["item_id"] = item_id(planned.item);
        out["output_index"] = planned.item;
        out["delta"] = planned.delta;
        break;
    case kind::arguments_done:
        name = "response.function_call_arguments.done";
        out["item_id"] = item_id(planned.item);
        out["output_index"] = planned.item;
        out["name"] = call_of(planned.item).name;
        out["arguments"] = call_of(planned.item).arguments;
        break;
    case kind::item_done:
        name = "response.output_item.done";
        place_item(true);
        break;
    case kind::finished:
        name = "response." + status(response_state::finished);
        out["response"] = object(response_state::finished);
        break;
    }
    out["type"] = name;
    return {json::serialize(out), name};
}

stream_event response_answer::failure(const api_error& error, std::size_t position) const {
    json::object out{
        {"type", "error"}, {"sequence_number", position}, {"code", nullptr}, {"message", error.message}};
    out["code"] =
        error.code.value_or(error.type); // the vendor names a code where its other routes name a type
    out["param"] = error.param ? json::value(*error.param) : json::value(nullptr);
    return {json::serialize(out), "error"};
}

void response_store::keep(std::shared_ptr<const response_answer> made) {
    if (entries_.size() == kept_responses) entries_.pop_front();
    const response_state state = made->is_background() ? response_state::queued : response_state::finished;
    entries_.push_back({std::move(made), state});
}

bool response_store::has(const std::string& id) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const entry& one) { return one.made->id() == id; });
}

std::deque<response_store::entry>::iterator response_store::find(const std::string& id) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const entry& one) { return one.made->id() == id; });
    if (found == entries_.end())
        throw refusal(404, {"Response with id '" + id + "' not found.", "invalid_request_error", std::nullopt,
                            std::nullopt});
    return found;
}

std::string response_store::show(const std::string& id) {
    entry& found = *find(id);
    if (found.state == response_state::in_progress) found.state = response_state::finished;
    if (found.state == response_state::queued) found.state = response_state::in_progress;
    return json::serialize(found.made->object(found.state));
}

std::shared_ptr<const answer> response_store::replay(const std::string& id, const fields& in) {
    entry& found = *find(id);
    const auto last = static_cast<std::int64_t>(found.made->event_count()) - 1;
    const std::optional<std::int64_t> seen =
        in.integer("starting_after", 0, last - 1); // what comes after the last?
    if (found.state != response_state::cancelled) found.state = response_state::finished;
    return std::make_shared<replayed_response>(found.made, seen ? static_cast<std::size_t>(*seen) + 1 : 0,
                                               in.find("include_obfuscation") == nullptr ||
                                                   in.flag("include_obfuscation"));
}

std::string response_store::cancel(const std::string& id) {
    entry& found = *find(id);
    if (!found.made->is_background()) throw invalid("Cannot cancel a synchronous response.");
    if (found.state != response_state::finished) found.state = response_state::cancelled;
    return json::serialize(found.made->object(found.state));
}

std::string response_store::input_items(const std::string& id, const recorded_request& request) {
    const fields in = query_of(request);
    std::vector<json::object> all = find(id)->made->input_items();
    if (in.word("order", {"asc", "desc"}) != "asc") std::reverse(all.begin(), all.end());
    return json::serialize(page_of(std::move(all), in, page_limits()));
}

std::string response_store::remove(const std::string& id) {
    entries_.erase(find(id));
    return json::serialize(json::object{{"id", id}, {"object", "response"}, {"deleted", true}});
}

} // namespace modelmesh::testing::detail
