// An answer that is a C++ value, shown while it arrives.
//   structured_output ["text"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/modelmesh.hpp>

#include <iostream>

struct event {
    std::string title{};
    std::optional<std::string> place{};
    int people{};
    static constexpr std::string_view json_name = "event";
    static constexpr modelmesh::json::field_rule json_fields[] = {
        modelmesh::json::about("people", "How many come"), modelmesh::json::range("people", 1, 1000)};
};

modelmesh::task<> extract(std::string text) {
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages = {modelmesh::chat::system("Extract the event."), modelmesh::chat::user(text)};
    auto stream = co_await client.chat.completions.parse_stream<event>(request);
    while (const event* so_far = co_await stream.next())
        std::cout << "... " << so_far->title << ", " << so_far->people << " people\n";
    const modelmesh::chat::parsed<event> answer = co_await stream.finish();
    std::cout << answer.value.title << " at " << answer.value.place.value_or("an unknown place") << ", "
              << answer.value.people << " people\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(extract(argc > 1 ? argv[1] : "Dinner with Ada and Grace at the harbour on Friday."));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
