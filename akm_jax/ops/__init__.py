"""Operations the networks are made of, each in the form its back end runs fastest."""
