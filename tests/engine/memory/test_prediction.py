"""Predicted memory: never less than was measured, not much more, and the quickest way that fits is chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from engine.config import JpegSettings
from engine.memory.calibration import UNCORRECTED, Calibration, PeakSample, calibrate
from engine.memory.prediction import DoesNotFit, choose_plan, plans, predict, slowdown
from engine.messages import DecodeMode, Plan, Surveyed
from tests.support.measured_peaks import MEASURED, Measured
from tests.support.simulated_run import GIB, MIB, image

facts_of_any_size = st.builds(
    Surveyed,
    image_id=st.just(1),
    source_bytes=st.integers(1, 2**36),
    width=st.integers(1, 65_500),
    height=st.integers(1, 65_500),
    components=st.integers(1, 5),
    bits=st.sampled_from([1, 8, 12, 16]),
    tile_width=st.integers(1, 65_500),
    tile_height=st.integers(1, 65_500),
    levels=st.integers(0, 32),
    colour=st.sampled_from(["grey", "srgb", "cmyk", "cielab", "unspecified"]),
    code_block_samples=st.sampled_from([16, 1024, 4096]),
)


class TestAgainstMeasurements:
    @pytest.mark.parametrize("measured", MEASURED, ids=str)
    def test_no_image_took_more_than_predicted(self, measured: Measured) -> None:
        assert predict(measured.facts, measured.plan) >= measured.peak_mib * MIB

    @pytest.mark.parametrize("measured", [m for m in MEASURED if m.megapixels > 20], ids=str)
    def test_over_20_megapixels_it_is_less_than_1_3_times_the_peak(self, measured: Measured) -> None:
        assert predict(measured.facts, measured.plan) < 1.3 * measured.peak_mib * MIB


class TestTheModel:
    def test_the_reduced_picture_that_tiles_and_strips_are_compared_with_is_counted(self) -> None:
        large = structs.replace(image(1, 1000), levels=5, bits=8)
        strips = Plan(DecodeMode.STRIPS, strip_rows=64, pixels_on_disk=True)
        tiled = structs.replace(large, tile_width=1024, tile_height=1024)
        kept = large.width * large.height * large.components / 256
        assert predict(large, strips) >= predict(structs.replace(large, levels=1), strips) + kept
        for facts, plan in ((large, strips), (tiled, Plan(DecodeMode.TILES, pixels_on_disk=True))):
            # With two levels it is large: decoding it takes more than decoding a tile or a strip.
            assert predict(structs.replace(facts, levels=2), plan) > 16 * kept * 4
            assert predict(facts, plan) < predict(structs.replace(facts, levels=2), plan)
        assert predict(large, Plan(DecodeMode.WHOLE)) == predict(
            structs.replace(large, levels=1), Plan(DecodeMode.WHOLE)
        )

    @given(st.floats(20, 2000))
    def test_fewer_rows_need_less(self, megapixels: float) -> None:
        facts = image(1, megapixels)
        needs = [predict(facts, Plan(DecodeMode.STRIPS, strip_rows=rows)) for rows in (64, 256, 1024, 4096)]
        assert needs == sorted(needs)

    @given(facts_of_any_size)
    def test_pixels_on_disk_never_need_more(self, facts: Surveyed) -> None:
        for plan in plans(facts):
            assert predict(facts, structs.replace(plan, pixels_on_disk=True)) <= predict(facts, plan)

    @given(facts_of_any_size, st.floats(1.0, 4.0))
    def test_a_correction_multiplies(self, facts: Surveyed, factor: float) -> None:
        for plan in plans(facts):
            raised = predict(facts, plan, UNCORRECTED.times(factor))
            assert raised == pytest.approx(predict(facts, plan) * factor, abs=5)

    def test_smaller_code_blocks_need_more(self) -> None:
        coarse = image(1, 100)
        assert predict(structs.replace(coarse, code_block_samples=1024), Plan(DecodeMode.WHOLE)) > predict(
            coarse, Plan(DecodeMode.WHOLE)
        )

    def test_lab_and_cmyk_of_16_bits_keep_16_until_they_are_converted(self) -> None:
        plain = structs.replace(image(1, 100, tiled=True), bits=16)
        lab = structs.replace(plain, colour="cielab")
        more = predict(lab, Plan(DecodeMode.TILES)) - predict(plain, Plan(DecodeMode.TILES))
        assert more > 250_000_000
        assert predict(plain, Plan(DecodeMode.TILES), jpeg=JpegSettings(icc="srgb")) == predict(
            lab, Plan(DecodeMode.TILES)
        )

    @pytest.mark.parametrize(
        ("jpeg", "bytes_per_pixel"),
        [
            (JpegSettings(optimize=True), 12),
            (JpegSettings(progressive=True), 12),
            (JpegSettings(optimize=True, quality=80), 6),
            (JpegSettings(optimize=True, subsampling="4:2:0"), 6),
        ],
    )
    def test_libjpeg_that_holds_the_whole_picture_needs_more(
        self, jpeg: JpegSettings, bytes_per_pixel: int
    ) -> None:
        facts, plan = image(1, 600), Plan(DecodeMode.STRIPS, strip_rows=512, pixels_on_disk=True)
        pixels = facts.width * facts.height
        assert predict(facts, plan, jpeg=jpeg) > bytes_per_pixel * pixels > predict(facts, plan)


class TestChoosing:
    def test_whole_when_it_fits(self) -> None:
        plan = choose_plan(image(1, 100), 4 * GIB)
        assert isinstance(plan, Plan) and plan.mode is DecodeMode.WHOLE

    def test_tiles_when_tiled(self) -> None:
        plan = choose_plan(image(1, 100, tiled=True), 4 * GIB)
        assert isinstance(plan, Plan) and plan.mode is DecodeMode.TILES and not plan.pixels_on_disk

    def test_a_tiled_image_whose_pixels_do_not_fit_has_them_on_disk(self) -> None:
        plan = choose_plan(image(1, 600, tiled=True), GIB)
        assert isinstance(plan, Plan) and plan.mode is DecodeMode.TILES and plan.pixels_on_disk

    @pytest.mark.parametrize("megapixels", [604, 1074])
    def test_giants_in_strips_within_3_gib_and_its_floor(self, megapixels: float) -> None:
        """With 300 MiB for the floor and 250 MiB for the engine's other processes."""
        facts = structs.replace(image(1, megapixels), source_bytes=int(megapixels * 1.3e6))
        plan = choose_plan(facts, 3 * GIB - 550 * MIB)
        assert isinstance(plan, Plan) and plan.mode is DecodeMode.STRIPS

    def test_what_fits_nowhere_tells_what_it_needs(self) -> None:
        chosen = choose_plan(image(1, 1000), 100 * MIB)
        assert isinstance(chosen, DoesNotFit)
        assert chosen.needed_bytes == min(predict(image(1, 1000), plan) for plan in plans(image(1, 1000)))

    def test_where_scratch_is_in_memory_no_pixels_go_there(self) -> None:
        for budget in (GIB // 2, 2 * GIB, 8 * GIB):
            chosen = choose_plan(image(1, 600), budget, disk_saves_memory=False)
            assert isinstance(chosen, DoesNotFit) or not chosen.pixels_on_disk

    @given(facts_of_any_size, st.integers(0, 64 * GIB))
    def test_what_is_chosen_fits_and_nothing_quicker_does(self, facts: Surveyed, budget: int) -> None:
        chosen = choose_plan(facts, budget)
        if isinstance(chosen, DoesNotFit):
            assert chosen.needed_bytes > budget
            return
        assert chosen.predicted_bytes <= budget
        for other in plans(facts):
            if predict(facts, other) <= budget:
                assert slowdown(facts, chosen) <= slowdown(facts, other)

    @given(facts_of_any_size, st.integers(0, 2**35), st.integers(0, 2**35))
    def test_more_room_never_chooses_a_slower_way(self, facts: Surveyed, less: int, more: int) -> None:
        less, more = sorted((less, more))
        small, large = choose_plan(facts, less), choose_plan(facts, more)
        if isinstance(small, Plan):
            assert isinstance(large, Plan)
            assert slowdown(facts, large) <= slowdown(facts, small)


class TestCalibration:
    def test_nothing_measured_corrects_nothing(self) -> None:
        assert calibrate([]) == UNCORRECTED

    def test_one_image_that_took_more_raises_its_mode_at_once(self) -> None:
        corrected = calibrate([PeakSample(DecodeMode.STRIPS, GIB, int(1.2 * GIB))])
        assert corrected.strips >= 1.2
        assert (corrected.whole, corrected.tiles) == (1.0, 1.0)

    def test_it_never_lowers(self) -> None:
        assert calibrate([PeakSample(DecodeMode.WHOLE, GIB, GIB // 2)] * 64) == UNCORRECTED

    def test_it_stays_within_bounds(self) -> None:
        assert calibrate([PeakSample(DecodeMode.WHOLE, GIB, 100 * GIB)]).whole == 4.0

    def test_small_images_do_not_correct_large_ones(self) -> None:
        assert calibrate([PeakSample(DecodeMode.WHOLE, 100 * MIB, 180 * MIB)]).whole == 1.0

    def test_old_peaks_are_forgotten(self) -> None:
        newest = [PeakSample(DecodeMode.WHOLE, GIB, int(0.99 * GIB))] * 64
        assert calibrate([*newest, PeakSample(DecodeMode.WHOLE, GIB, 2 * GIB)]).whole == 1.0

    @given(
        st.lists(
            st.builds(
                PeakSample,
                st.sampled_from(list(DecodeMode)),
                st.integers(256 * MIB, 2**35),
                st.integers(1, 2**35),
            )
        )
    )
    def test_never_below_what_was_measured_lately(self, peaks: list[PeakSample]) -> None:
        corrected = calibrate(peaks)
        for peak in peaks[:64]:
            if peak.peak_bytes < 3.8 * peak.predicted_bytes:
                assert peak.predicted_bytes * corrected.factor(peak.mode) >= peak.peak_bytes

    def test_factors_go_by_mode(self) -> None:
        calibration = Calibration(whole=1.1, tiles=1.2, strips=1.3)
        assert [calibration.factor(mode) for mode in DecodeMode] == [1.1, 1.2, 1.3]
