#include "uploads.hpp"

#include "multipart.hpp"

#include <algorithm>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t kept_uploads = 100;
constexpr std::int64_t largest_upload = 64 * 1024 * 1024; // the vendor's is 8 GB; here it is kept in memory
constexpr std::int64_t life = 3600;                       // seconds

} // namespace

std::string upload_store::create(const recorded_request& request, const reply_context& context) {
    const fields in(request.body);
    entry added;
    added.name = in.need_text("filename");
    in.need("purpose");
    added.purpose = *in.word("purpose", {"assistants", "batch", "fine-tune", "vision", "user_data"});
    in.need("bytes");
    added.size = static_cast<std::size_t>(*in.integer("bytes", 1, largest_upload));
    in.need_text("mime_type");
    added.id = numbered("upload_" + context.name + "_", context.serial);
    added.created = seconds_now();
    if (entries_.size() == kept_uploads) entries_.pop_front();
    entries_.push_back(std::move(added));
    return json::serialize(object_of(entries_.back()));
}

json::object upload_store::object_of(const entry& upload) {
    return {{"id", upload.id},         {"object", "upload"},
            {"bytes", upload.size},    {"created_at", upload.created},
            {"filename", upload.name}, {"purpose", upload.purpose},
            {"status", upload.status}, {"expires_at", upload.created + life},
            {"file", upload.file}};
}

upload_store::entry& upload_store::find(const std::string& id) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const entry& one) { return one.id == id; });
    if (found == entries_.end())
        throw refusal(404, {"No such Upload object: " + id, "invalid_request_error", "id", std::nullopt});
    return *found;
}

upload_store::entry& upload_store::find_pending(const std::string& id) {
    entry& found = find(id);
    if (found.status != "pending") throw invalid("Upload " + id + " is already " + found.status + ".");
    return found;
}

std::string upload_store::add_part(const std::string& id, const recorded_request& request,
                                   const reply_context& context) {
    entry& found = find_pending(id);
    const form sent(request);
    const form_part& data = sent.need_file("data");
    std::size_t size = data.body.size();
    for (const auto& [part, bytes] : found.parts) size += bytes.size();
    if (size > found.size)
        throw invalid("The parts of upload " + id + " are larger than its " + std::to_string(found.size) +
                          " bytes.",
                      "data");
    const std::string part = numbered("part_" + context.name + "_", context.serial);
    found.parts[part] = data.body;
    return json::serialize(json::object{
        {"id", part}, {"object", "upload.part"}, {"created_at", seconds_now()}, {"upload_id", id}});
}

std::string upload_store::complete(const std::string& id, const recorded_request& request,
                                   const reply_context& context, file_store& into) {
    entry& found = find_pending(id);
    const fields in(request.body);
    const json::value& list = in.need("part_ids");
    if (!list.is_array()) throw wrong_type("part_ids", "an array");
    std::string bytes;
    for (const json::value& part : list.get_array()) {
        const auto at =
            part.is_string() ? found.parts.find(std::string(part.get_string())) : found.parts.end();
        if (at == found.parts.end()) throw invalid("Upload " + id + " has no such part.", "part_ids");
        bytes += at->second;
        if (bytes.size() > found.size)
            throw invalid("Upload " + id + " was to have " + std::to_string(found.size) +
                              " bytes, and has more.",
                          "part_ids");
    }
    if (bytes.size() != found.size)
        throw invalid("Upload " + id + " was to have " + std::to_string(found.size) + " bytes, but has " +
                          std::to_string(bytes.size()) + ".",
                      "part_ids");
    found.file = into.keep(numbered("file-" + context.name + "-", context.serial), found.name, found.purpose,
                           std::move(bytes));
    found.status = "completed";
    found.parts.clear();
    return json::serialize(object_of(found));
}

std::string upload_store::cancel(const std::string& id) {
    entry& found = find_pending(id);
    found.status = "cancelled";
    found.parts.clear();
    return json::serialize(object_of(found));
}

} // namespace modelmesh::testing::detail
