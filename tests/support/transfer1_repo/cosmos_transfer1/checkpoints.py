BASE_7B_CHECKPOINT_PATH = "nvidia/Cosmos-Transfer1-7B/base_model.pt"
