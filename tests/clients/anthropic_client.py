"""Anthropic's client for Python against a server: anthropic_client.py BASE_URL MODEL. Holds for any model's words."""
import sys
import unittest

import anthropic

BASE_URL, MODEL = sys.argv[1:3]
HELLO = [{"role": "user", "content": [{"type": "text", "text": "say hello"}]}]
TOOL = {"name": "weather", "description": "of a town",
        "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}}}
LOOP = [*HELLO,
        {"role": "assistant", "content": [{"type": "text", "text": "I look."},
                                          {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Ulm"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}]}]


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = anthropic.Anthropic(base_url=BASE_URL, api_key="none", max_retries=0, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def settings(self, **more):
        # A setting of the server's own: the client has none for it.
        return {"model": MODEL, "messages": HELLO, "max_tokens": 8, "extra_body": {"seed": 3}} | more

    def test_a_message_whole_and_streamed_is_the_same(self):
        whole = self.client.messages.create(**self.settings(system="be brief"))
        self.assertEqual((whole.type, whole.role), ("message", "assistant"))
        self.assertIn(whole.stop_reason, ("end_turn", "max_tokens", "tool_use"))
        self.assertLessEqual(whole.usage.output_tokens, 8)
        with self.client.messages.stream(**self.settings(system="be brief")) as stream:
            text = "".join(stream.text_stream)
            gathered = stream.get_final_message()
        self.assertEqual([block.type for block in gathered.content], [block.type for block in whole.content])
        self.assertEqual(text, "".join(block.text for block in whole.content if block.type == "text"))
        self.assertEqual(gathered.stop_reason, whole.stop_reason)
        self.assertEqual(gathered.usage.output_tokens, whole.usage.output_tokens)

    def test_the_events_of_a_stream(self):
        names = [event.type for event in self.client.messages.create(stream=True, **self.settings())]
        self.assertEqual((names[0], names[-2], names[-1]), ("message_start", "message_delta", "message_stop"))
        self.assertEqual(names.count("content_block_start"), names.count("content_block_stop"))

    def test_tools_and_their_results_are_taken(self):
        answer = self.client.messages.create(**self.settings(messages=LOOP, tools=[TOOL]))
        self.assertIsNotNone(answer.stop_reason)

    @unittest.skipUnless(MODEL == "words", "needs a model that calls tools")
    def test_a_loop_of_three_tool_calls_ends(self):
        # The fake model repeats the words of its prompt.
        call = '<tool_call> {"name": "weather", "arguments": {"town": "Ulm"}} </tool_call>'
        messages = [{"role": "user", "content": call}]
        for turn in range(3):
            settings = self.settings(messages=messages, tools=[TOOL], max_tokens=900,
                                     tool_choice={"type": "auto", "disable_parallel_tool_use": True})
            if turn:
                with self.client.messages.stream(**settings) as stream:
                    answer = stream.get_final_message()
            else:
                answer = self.client.messages.create(**settings)
            self.assertEqual(answer.stop_reason, "tool_use")
            uses = [block for block in answer.content if block.type == "tool_use"]
            self.assertEqual([(use.name, use.input) for use in uses], [("weather", {"town": "Ulm"})])
            messages += [{"role": "assistant", "content": answer.content},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": uses[0].id, "content": "rain"}]}]
        last = self.client.messages.create(**self.settings(messages=messages, tools=[TOOL], tool_choice={"type": "none"}))
        self.assertEqual({block.type for block in last.content}, {"text"})

    def test_a_stop_sequence(self):
        text = self.client.messages.create(**self.settings()).content[0].text
        self.assertGreater(len(text), 2)
        stop = text[len(text) // 2:][:3]
        if not stop.strip():
            self.skipTest("the answer has no such text")
        cut = self.client.messages.create(**self.settings(stop_sequences=[stop]))
        self.assertEqual((cut.stop_reason, cut.stop_sequence), ("stop_sequence", stop))

    def test_tokens_are_counted(self):
        one = self.client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens
        more = self.client.messages.count_tokens(model=MODEL, messages=LOOP, tools=[TOOL]).input_tokens
        self.assertGreater(more, one)

    def test_models(self):
        self.assertIn(MODEL, [model.id for model in self.client.models.list()])
        self.assertEqual(self.client.models.retrieve(MODEL).id, MODEL)

    def test_errors_have_their_classes(self):
        with self.assertRaises(anthropic.NotFoundError) as unknown:
            self.client.messages.create(**self.settings(model="no-such-model"))
        self.assertEqual(unknown.exception.body["error"]["type"], "not_found_error")
        with self.assertRaises(anthropic.BadRequestError) as image:
            self.client.messages.create(**self.settings(messages=[{"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": "http://localhost/x.png"}}]}]))
        self.assertIn("image", image.exception.body["error"]["message"])

    def test_a_stream_that_is_left(self):
        with self.client.messages.stream(**self.settings(max_tokens=4000)) as stream:
            next(iter(stream))
        self.assertTrue(self.client.messages.create(**self.settings()).content)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
