"""Configuration: defaults are the text's, unknown keys and wrong values are named."""

import pytest
import yaml

from miua.config import TrainingConfig, config_hash, read_config, write_config
from miua.errors import MiuaError


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_defaults_are_the_texts():
    config = TrainingConfig()
    assert (config.image_size, config.epochs) == (64, [300, 500, 800, 1000])
    assert config.learning_rate_generator == config.learning_rate_discriminator == 2e-4
    assert (config.beta1, config.beta2, config.weight_deviation) == (0.5, 0.999, 0.02)
    assert (config.weight_decay, config.real_label) == (0, 1)
    assert config.augmentation.model_dump() == {"flip": True, "rotation": 10.0, "corners": "black"}


def test_notebook_variant_differs_as_the_notebook_does():
    config = TrainingConfig.model_validate({"variant": "notebook-128"})
    assert (config.image_size, config.latent_size, config.feature_maps) == (128, 128, 128)
    assert config.learning_rate_generator == 2e-3
    assert config.learning_rate_discriminator == 2e-4
    assert (config.weight_decay, config.real_label, config.weight_deviation) == (1e-2, 0.9, 0.002)
    assert config.augmentation.corners == "grey"
    assert config.augmentation.flip is True


def test_an_explicit_value_wins_over_the_variant():
    values = {"variant": "notebook-128", "image_size": 64, "augmentation": {"flip": False}}
    config = TrainingConfig.model_validate(values)
    assert config.image_size == 64
    assert config.augmentation.model_dump() == {"flip": False, "rotation": 10.0, "corners": "grey"}


@pytest.mark.parametrize("variant", ["text", "notebook-128", "notebook-256"])
def test_saved_configuration_is_complete_and_reads_back(tmp_path, variant):
    config = TrainingConfig.model_validate({"variant": variant, "training_size": 300})
    path = tmp_path / "config.yaml"
    write_config(path, config)
    assert set(yaml.safe_load(path.read_text())) == set(TrainingConfig.model_fields)
    assert read_config(path, TrainingConfig) == config


def test_hash_depends_on_values_alone():
    assert config_hash(TrainingConfig(seed=1)) == config_hash(TrainingConfig(seed=1))
    assert config_hash(TrainingConfig(seed=1)) != config_hash(TrainingConfig(seed=2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bach_size: 10", "bach_size: unknown key. Known keys: .*batch_size"),
        (
            "augmentation: {flop: true}",
            "augmentation.flop: unknown key. Known keys: flip, rotation, corners",
        ),
        ("image_size: 65", "image_size"),
        ("epochs: [5, 3]", "positive and rising"),
        ("epochs: [0, 3]", "positive and rising"),
        ("epochs: []", "epochs"),
        ("batch_size: 0", "batch_size"),
        ("real_label: 0", "real_label"),
        ("variant: notebook-64", "variant"),
        ("- a list", "must hold keys and values"),
        ("a: [", "is not valid YAML"),
        ("seed: !!python/object/apply:os.getpid []", "is not valid YAML"),
    ],
)
def test_bad_configuration_is_one_message_that_names_file_and_key(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(MiuaError, match=said) as caught:
        read_config(path, TrainingConfig)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MiuaError, match=r"absent\.yaml: no such configuration file"):
        read_config(tmp_path / "absent.yaml", TrainingConfig)


def test_a_byte_order_mark_is_no_part_of_the_configuration(tmp_path):
    path = write(tmp_path, "")
    path.write_text("epochs: [7]", encoding="utf-8-sig")
    assert read_config(path, TrainingConfig).epochs == [7]
