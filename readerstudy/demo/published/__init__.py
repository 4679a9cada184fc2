"""The published reader study: Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z."""
