"""The generator of the demo model's texts: patterns work in both directions, seeds decide, and what is held out stays out.

usage: test_generator.py    (needs only Python)
"""
import itertools
import pathlib
import random
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from generator import conversation, corpus, holdout, intents, prompts, story, sums, tables, turns
from generator.pattern import Pattern


class Patterns(unittest.TestCase):
    def test_write_and_read(self):
        pattern = Pattern("{[A thing]|The [thing]} {was|is} in [town]{|, and [the friend] saw {it|[town]}}.")
        rng, slots = random.Random(1), {"thing": "owl", "town": "Saltmere", "friend": "baker"}
        texts = {pattern.expand(rng, slots) for _ in range(200)}
        self.assertEqual(len(texts), 12)
        self.assertIn("An owl was in Saltmere, and the baker saw it.", texts)
        open_slots = slots | {"town": ["Oakhollow", "Saltmere"], "friend": ["miller", "baker"]}
        for text in texts:
            found = pattern.match(text, open_slots)
            self.assertIsNotNone(found, text)
            self.assertEqual(found[0]["town"], "Saltmere")

    def test_reads_nothing_else(self):
        pattern = Pattern("[a thing] and [the thing] in [town]{|!}")
        slots = {"thing": "fox", "town": ["A", "B"]}
        self.assertIsNotNone(pattern.match("a fox and the fox in A!", slots))
        for wrong in ("an fox and the fox in A", "a fox and the owl in A", "a fox and the fox in C", "a fox and the fox in A!!", ""):
            self.assertIsNone(pattern.match(wrong, slots), wrong)

    def test_a_slot_has_one_value(self):
        pattern = Pattern("[town] is [town]")
        self.assertIsNotNone(pattern.match("A is A", {"town": ["A", "B"]}))
        self.assertIsNone(pattern.match("A is B", {"town": ["A", "B"]}))

    def test_bad_patterns_are_refused(self):
        for text in ("{a|b", "a}b"):
            with self.assertRaises(ValueError):
                Pattern(text)


class Answers(unittest.TestCase):
    def test_every_answer_is_recognised_and_names_its_subject(self):
        rng = random.Random(2)
        for held_out, _ in itertools.product((False, True), range(300)):
            turn = turns.opening(rng, held_out)
            self.assertTrue(turn.accepts(turn.answer), (turn.question, turn.answer))
            self.assertTrue(turn.mentions_subject(turn.answer), (turn.question, turn.answer))
            self.assertFalse(turn.accepts(turn.answer + " And"), turn.answer)
            self.assertFalse(turn.accepts(turn.answer[:-1]), turn.answer)

    def test_a_wrong_answer_is_not_accepted(self):
        rng = random.Random(3)
        other = None
        for _ in range(300):
            turn = turns.opening(rng)
            if other and (turn.sort, turn.name) != (other.sort, other.name):
                self.assertFalse(turn.accepts(other.answer) and turn.mentions_subject(other.answer) and bool(turn.mentions),
                                 (turn.question, other.answer))
            other = turn
        row = sums.slots(sums.OPERATIONS[0], 27, 48)
        self.assertTrue(sums.accepts("27 + 48 = 75.", row))
        self.assertFalse(sums.accepts("27 + 48 = 76.", row))

    def test_a_story_keeps_to_its_hero_and_subject(self):
        rng = random.Random(4)
        for _ in range(50):
            wish = turns.a_wish(rng)
            text, slots = story.tell(rng, wish)
            found = story.recognise(text, wish)
            self.assertIsNotNone(found, text)
            self.assertEqual(found["hero"], slots["hero"])
            name = next(each["hero"] for each in tables.rows("heroes") if each["hero"] not in text)
            places = [match.start() for match in re.finditer(rf"\b{slots['hero']}\b", text)]
            if len(places) > 1:
                changed = text[:places[-1]] + name + text[places[-1] + len(slots["hero"]):]
                self.assertIsNone(story.recognise(changed, wish), changed)
            self.assertIsNone(story.recognise(text.rsplit(". ", 1)[0] + ".", wish) if ". " in text else None)


class Questions(unittest.TestCase):
    def test_no_question_has_two_meanings(self):
        rng, meaning = random.Random(5), {}
        for group in turns.GROUPS.values():
            for intent in group.intents:
                for _ in range(200):
                    if intent.table in ("-", "countries", "people", "animals", "things"):
                        question = intent.ask(rng, tables.pick(rng, intent.table))[0].lower()
                        self.assertEqual(meaning.setdefault(question, intent.name), intent.name, question)

    def test_no_stray_spaces(self):
        rng = random.Random(6)
        for _ in range(300):
            for role, text in conversation.text(rng):
                self.assertNotRegex(text, r"  |^ | $|[\[\]{}|]", (role, text))


class Seeds(unittest.TestCase):
    def test_the_seed_decides(self):
        self.assertEqual(list(corpus.texts(7, 50)), list(corpus.texts(7, 50)))
        self.assertNotEqual(list(corpus.texts(7, 50)), list(corpus.texts(8, 50)))
        self.assertEqual([typed for typed, _ in prompts.mixed()], [typed for typed, _ in prompts.mixed()])


class HeldOut(unittest.TestCase):
    def test_the_line_between_the_two_sides(self):
        self.assertTrue(any(holdout.question_is_held_out(f"what is the capital of place {each}") for each in range(100)))
        for a in range(40):
            self.assertEqual(holdout.numbers_are_held_out("sum", a, 17), holdout.numbers_are_held_out("sum", 17, a))

    def test_no_training_question_is_on_the_other_side(self):
        rng, asked = random.Random(9), {turn.question.lower() for name in ("mixed", "commands", "sums") for _, turn in prompts.SETS[name]()}
        pairs = set()
        for _ in range(4000):
            turn = turns.opening(rng)
            follow = turns.following(rng, turn)
            for each in (turn, follow) if follow else (turn,):
                self.assertNotIn(each.question.lower(), asked)
                if each.sort == "sums" and each.name in sums.HELD_OUT:
                    a, b = map(int, re.match(r"(\d+) \S+ (\d+)", each.answer).groups())
                    pairs.add((each.name, a, b))
        self.assertGreater(len(pairs), 300)
        for name, a, b in pairs:
            self.assertFalse(holdout.numbers_are_held_out(name, a, b), (name, a, b))

    def test_the_prompts_are_held_out_and_distinct(self):
        for name in ("mixed", "commands", "sums"):
            asked = prompts.SETS[name]()
            self.assertEqual(len({typed for typed, _ in asked}), len(asked))
            for _, turn in asked:
                if turn.sort == "sums":
                    a, b = map(int, re.match(r"(\d+) \S+ (\d+)", turn.answer).groups())
                    self.assertTrue(holdout.numbers_are_held_out(turn.name, a, b), turn.question)
                else:
                    self.assertTrue(holdout.question_is_held_out(turn.question), turn.question)


class Files(unittest.TestCase):
    def test_every_file_is_sound(self):
        conversation.world_is_whole()
        self.assertGreaterEqual(len(intents.load()), 5)
        self.assertGreaterEqual(len(story.plots()), 6)
        names = [intent.name for group in turns.GROUPS.values() for intent in group.intents]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
