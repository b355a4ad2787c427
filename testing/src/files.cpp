#include "files.hpp"

#include "multipart.hpp"

#include <algorithm>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t kept_files = 100;
constexpr std::int64_t most_listed = 10'000;
constexpr std::int64_t shortest_life = 3600; // seconds
constexpr std::int64_t longest_life = 2'592'000;

/// The parameters of a query, as the text fields of a form.
fields fields_of(std::string_view query) {
    json::object out;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view one = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        out[one.substr(0, equals)] = one.substr(std::min(equals + 1, one.size()));
    }
    return fields(std::move(out));
}

} // namespace

std::string file_store::add(const recorded_request& request, const reply_context& context) {
    const form sent(request);
    const form_part& file = sent.need_file("file");
    const fields& in = sent.texts();
    in.need("purpose");
    entry added;
    added.purpose = *in.word("purpose", {"assistants", "batch", "fine-tune", "vision", "user_data", "evals"});
    added.id = numbered("file-" + context.name + "-", context.serial);
    added.name = *file.file_name;
    added.bytes = file.body;
    added.created = seconds_now();
    if (const auto life = in.integer("expires_after[seconds]", shortest_life, longest_life)) {
        in.need("expires_after[anchor]");
        in.word("expires_after[anchor]", {"created_at"});
        added.expires = added.created + *life;
    }
    if (entries_.size() == kept_files) entries_.pop_front();
    entries_.push_back(std::move(added));
    return json::serialize(object_of(entries_.back()));
}

json::object file_store::object_of(const entry& file) {
    json::object out{{"id", file.id},
                     {"object", "file"},
                     {"bytes", file.bytes.size()},
                     {"created_at", file.created},
                     {"expires_at", nullptr},
                     {"filename", file.name},
                     {"purpose", file.purpose},
                     {"status", "processed"},
                     {"status_details", nullptr}};
    if (file.expires) out["expires_at"] = *file.expires;
    return out;
}

std::deque<file_store::entry>::const_iterator file_store::find(const std::string& id) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const entry& one) { return one.id == id; });
    if (found == entries_.end())
        throw refusal(404, {"No such File object: " + id, "invalid_request_error", "id", std::nullopt});
    return found;
}

std::string file_store::list(std::string_view query) const {
    const fields in = fields_of(query);
    const std::optional<std::string> purpose = in.text("purpose"), after = in.text("after");
    const bool oldest_first = in.word("order", {"asc", "desc"}) == "asc";
    const auto limit = static_cast<std::size_t>(in.integer("limit", 1, most_listed).value_or(most_listed));

    std::vector<const entry*> chosen;
    for (const entry& one : entries_) chosen.push_back(&one);
    if (!oldest_first) std::reverse(chosen.begin(), chosen.end());
    if (after) {
        const entry* last = &*find(*after);
        chosen.erase(chosen.begin(), std::find(chosen.begin(), chosen.end(), last) + 1);
    }
    if (purpose) std::erase_if(chosen, [&](const entry* one) { return one->purpose != *purpose; });
    const bool has_more = chosen.size() > limit;
    if (has_more) chosen.resize(limit);

    json::array data;
    for (const entry* one : chosen) data.push_back(object_of(*one));
    json::object out{
        {"object", "list"}, {"data", std::move(data)}, {"first_id", nullptr}, {"last_id", nullptr}};
    if (!chosen.empty()) {
        out["first_id"] = chosen.front()->id;
        out["last_id"] = chosen.back()->id;
    }
    out["has_more"] = has_more;
    return json::serialize(out);
}

std::string file_store::show(const std::string& id) const { return json::serialize(object_of(*find(id))); }

const std::string& file_store::content(const std::string& id) const { return find(id)->bytes; }

std::string file_store::remove(const std::string& id) {
    entries_.erase(find(id));
    return json::serialize(json::object{{"id", id}, {"object", "file"}, {"deleted", true}});
}

} // namespace modelmesh::testing::detail
